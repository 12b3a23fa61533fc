# SPDX-License-Identifier: Apache-2.0
"""What a user declared, as frozen data."""
