# SPDX-License-Identifier: Apache-2.0
"""The same workloads for other libraries, each written as its own documentation writes it."""
