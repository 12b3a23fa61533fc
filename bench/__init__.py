# SPDX-License-Identifier: Apache-2.0
"""What a step costs, in both fronts, beside what the machine allows: `python -m bench`.

Nothing here imports the library but the two programs that measure it, so that a program for
another library runs in an environment that has only that one.
"""
