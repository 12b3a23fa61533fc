# SPDX-License-Identifier: Apache-2.0
"""One file for each operator of a flow.

An operator takes the wiring and the place of a cursor, declares its nodes, and returns the place
behind them. The cursor runs each call as one `Wiring.building()`: it takes effect or changes
nothing.
"""
