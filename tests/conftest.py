# SPDX-License-Identifier: Apache-2.0
"""What drawn tests are drawn from: the same each time, or in a soak something new."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.amounts import SOAK

# A machine that is busy is no failure: nothing here has a deadline of its own.
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
COMMON = {"deadline": None, "database": None, "suppress_health_check": SLOW}

settings.register_profile("bounded", derandomize=True, **COMMON)
settings.register_profile("soak", print_blob=True, **COMMON)
settings.load_profile("soak" if SOAK else "bounded")
