# SPDX-License-Identifier: Apache-2.0
"""Run simulations from the command line, or one again from its seed.

`python -m holdfast.testing.simulate MODULE:NAME --seeds 0:2000` simulates a range; NAME is a
function that gives the program of a seed. A failure prints the command that runs it again, with
everything that happened in order.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import random
import sys
import time
import warnings

from holdfast.testing.simulation import Simulation, Troubles, simulate

#: Of a range, every seed that this divides is run twice, and has to give the same trace.
REPLAYED = 50


def main(arguments: list[str] | None = None) -> int:
    """Simulate; 1 if a seed failed, or does not give the same trace twice."""
    options = _options(arguments)
    warnings.simplefilter("ignore")
    logging.disable()  # of what the engine tells its operators, much is said here
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets of texts follows from it, and the trace from that order.
        os.environ["PYTHONHASHSEED"] = "0"
        command = [sys.executable, "-m", "holdfast.testing.simulate", *sys.argv[1:]]
        os.execv(sys.executable, command)  # noqa: S606 - ourselves again
    module, _, name = options.program.partition(":")
    program_of = getattr(importlib.import_module(module), name)
    first, _, end = options.seeds.partition(":")
    seeds = range(int(first), int(end)) if end else range(int(first), int(first) + 1)
    failed = 0
    began = time.monotonic()
    for seed in seeds:
        outcome = simulate(program_of(seed), seed)
        if len(seeds) == 1:
            _show(program_of, seed)
        if len(seeds) == 1 or seed % REPLAYED == 0:
            again = simulate(program_of(seed), seed)
            if again.trace != outcome.trace:
                outcome.failures.append(f"another trace the second time: {again.trace}")
        if outcome.failures:
            failed += 1
            _tell(options.program, seed, outcome.failures)
    took = time.monotonic() - began
    sys.stdout.write(f"{len(seeds)} seeds, {failed} failed, {len(seeds) / took:.0f} a second\n")
    return 1 if failed else 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m holdfast.testing.simulate")
    parser.add_argument("program", help="MODULE:NAME of a function from a seed to a program")
    parser.add_argument("--seeds", default="0:100", help="FIRST:END, or one seed to trace")
    return parser.parse_args(arguments)


def _show(program_of: object, seed: int) -> None:
    troubles = Troubles.drawn(random.Random(seed))  # noqa: S311
    simulation = Simulation(program_of(seed), seed, troubles)  # type: ignore[operator]
    simulation.run()
    sys.stdout.write(f"{troubles}\n" + "\n".join(simulation.world.lines) + "\n")


def _tell(program: str, seed: int, failures: list[str]) -> None:
    sys.stdout.write(f"seed {seed} failed:\n")
    for text in failures:
        sys.stdout.write(f"  {text}\n")
    sys.stdout.write(f"  again: python -m holdfast.testing.simulate {program} --seeds {seed}\n")


if __name__ == "__main__":
    sys.exit(main())
