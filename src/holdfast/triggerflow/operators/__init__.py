# SPDX-License-Identifier: Apache-2.0
"""One file for each operator of a flow."""
