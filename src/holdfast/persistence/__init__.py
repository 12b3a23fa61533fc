# SPDX-License-Identifier: Apache-2.0
"""Bytes and headers: codec, documents, the store contract and the stores."""
