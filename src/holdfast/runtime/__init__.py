# SPDX-License-Identifier: Apache-2.0
"""What drives a run: tasks, time, the order of saving, the engine."""
