# SPDX-License-Identifier: Apache-2.0
"""Checkpoint storages: objects that keep whole workflow checkpoints, one class a file."""
