# SPDX-License-Identifier: Apache-2.0
"""What holdfast tests itself with, for your tests too.

`faults`: a store that fails as planned. `store_suite`: the contract of a store as tests (it needs
pytest, and is therefore imported by its own name only).
"""
