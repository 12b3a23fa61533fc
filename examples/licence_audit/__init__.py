# SPDX-License-Identifier: Apache-2.0
"""Audit the licences of the Python distributions that are installed on this machine.

The work is cut into small plain functions that know nothing of holdfast, so that they can be read
and tested alone, and so that both fronts of the library drive the very same ones:

``collect``   which distributions are there (``find_distributions``)
``evidence``  what each of them says about its licence (``read_evidence``)
``audit``     the verdict, from the text of the licence files (``classify``), as a row of the report
``policy``    a file of rules that answers questions when no person does (``decide``)
``report``    the Markdown file and, with ``page``, the HTML page (``write_report``)

``licences``, ``texts`` and ``declared`` hold what the verdict rests on: a table of licences, their
distinctive phrases, and the many ways in which packages name them. ``records`` has the values that
travel between the steps; they are frozen dataclasses, so a run can store every one of them.

No verdict is legal advice. It says what a distribution carries, and when a person has to look.
"""
