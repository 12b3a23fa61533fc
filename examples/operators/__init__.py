# SPDX-License-Identifier: Apache-2.0
"""One small program for each operator of a flow. Run one as `python -m examples.operators.NAME`."""
