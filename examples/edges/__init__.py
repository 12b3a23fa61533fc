# SPDX-License-Identifier: Apache-2.0
"""One small program for each kind of edge. Run one as `python -m examples.edges.NAME`."""
