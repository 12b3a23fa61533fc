# SPDX-License-Identifier: Apache-2.0
"""The stores that come with holdfast: one class a file, opened by URL through `stores.url`."""
