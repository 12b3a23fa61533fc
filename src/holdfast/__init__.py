# SPDX-License-Identifier: Apache-2.0
"""Durable, resumable workflows, embedded: finished work stays finished."""
