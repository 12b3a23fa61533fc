# SPDX-License-Identifier: Apache-2.0
"""Readers of source trees. Each takes a root path, so that a test can plant a wrong tree."""
