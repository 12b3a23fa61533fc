# SPDX-License-Identifier: Apache-2.0
"""Run the suite on every supported Python that is installed; the others are skipped."""

import nox

nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False


@nox.session(python=["3.11", "3.12", "3.13"])
def test(session: nox.Session) -> None:
    """Install the pinned tools and the project, then run the tests."""
    session.install("--quiet", "--require-hashes", "--requirement", "requirements/dev.txt")
    session.install("--quiet", "--no-deps", "--no-build-isolation", "--editable", ".")
    session.run("python", "-m", "pytest", *session.posargs)
