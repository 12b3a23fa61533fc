# SPDX-License-Identifier: Apache-2.0
"""Distributions made up for tests, and the passages that make a licence text recognisable."""

from pathlib import Path

MIT = """The MIT License (MIT)

Copyright (c) 2024 Ann Example

Permission is hereby granted, free of charge, to any person obtaining a copy of this software
and associated documentation files (the "Software"), to deal in the Software without restriction,
including the rights to permit persons to whom the Software is furnished to do so, subject to the
following conditions:

The above copyright notice and this permission notice shall be included in all copies or
substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND.
"""
MIT_0 = """Permission is hereby granted, free of charge, to any person obtaining a copy of
this software, to deal in it without restriction, and to permit persons to whom the Software is
furnished to do so.

THE SOFTWARE IS PROVIDED "AS IS".
"""
BSD_2 = """# Redistribution and use in source and binary forms, with or without
# modification, are permitted provided that the following conditions are met:
#
#  * Redistributions of source code must retain the above copyright
#    notice, this list of conditions and the following disclaimer.
"""
BSD_3 = f"""{BSD_2}
3. Neither the name of the copyright holder nor the names of its contributors may be used to
   endorse or promote products derived from this software without permission.
"""
BSD_4 = (
    f"{BSD_3}\nAll advertising materials mentioning features or use of this software must say so."
)
APACHE = "Apache License\n   Version 2.0, January 2004\n  http://www.apache.org/licenses/\n"
ISC = """Permission to use, copy, modify, and/or distribute this software for any purpose with or
without fee is hereby granted, provided that the above copyright notice and this permission notice
appear in all copies.
"""
ZERO_BSD = """Permission to use, copy, modify, and/or distribute this software for any purpose
with or without fee is hereby granted.

THE SOFTWARE IS PROVIDED "AS IS"
"""
PSF = f"""2. Subject to the terms and conditions of this License Agreement, PSF hereby
grants Licensee a nonexclusive, royalty-free, world-wide license to use Python.

{ZERO_BSD}
"""
MPL = """This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.
If a copy of the MPL was not distributed with this file, You can obtain one elsewhere.
"""
GPL_2 = "        GNU GENERAL PUBLIC LICENSE\n           Version 2, June 1991\n"
GPL_3 = "        GNU GENERAL PUBLIC LICENSE\n           Version 3, 29 June 2007\n"
LGPL_21 = "GNU LESSER GENERAL PUBLIC LICENSE\n Version 2.1, February 1999\n"
LGPL_3 = "GNU LESSER GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007\n"
AGPL = "GNU AFFERO GENERAL PUBLIC LICENSE\n Version 3, 19 November 2007\n"
UNLICENSE = "This is free and unencumbered software released into the public domain.\n"
CC0 = "CC0 1.0 Universal\n"
ZLIB = "2. Altered source versions must be plainly marked as such.\n"
HPND = """Permission to use, copy, modify, and distribute this software and its documentation
for any purpose and without fee is hereby granted.
"""
EPL = "Eclipse Public License - v 2.0\n\nTHE ACCOMPANYING PROGRAM IS PROVIDED UNDER THIS LICENSE\n"
VENDOR = "Proprietary and confidential. Unauthorized copying of this file is prohibited.\n"
ODD = "You may do with this what a reasonable person would do.\n"

BY_TEXT = (
    (MIT, "MIT", "permissive"),
    (MIT_0, "MIT-0", "permissive"),
    (BSD_2, "BSD-2-Clause", "permissive"),
    (BSD_3, "BSD-3-Clause", "permissive"),
    (BSD_4, "BSD-4-Clause", "permissive"),
    (APACHE, "Apache-2.0", "permissive"),
    (ISC, "ISC", "permissive"),
    (ZERO_BSD, "0BSD", "permissive"),
    (PSF, "PSF-2.0", "permissive"),
    (ZLIB, "Zlib", "permissive"),
    (HPND, "HPND", "permissive"),
    (UNLICENSE, "Unlicense", "public-domain"),
    (CC0, "CC0-1.0", "public-domain"),
    (MPL, "MPL-2.0", "weak-copyleft"),
    (LGPL_21, "LGPL-2.1", "weak-copyleft"),
    (LGPL_3, "LGPL-3.0", "weak-copyleft"),
    (EPL, "EPL-2.0", "weak-copyleft"),
    (GPL_2, "GPL-2.0", "copyleft"),
    (GPL_3, "GPL-3.0", "copyleft"),
    (AGPL, "AGPL-3.0", "copyleft"),
    (VENDOR, "LicenseRef-Proprietary", "proprietary"),
)
"""Every licence text above with the id and the kind it has to give."""


def plant(
    site: Path,
    name: str = "sample",
    version: str = "1.0",
    *,
    headers: tuple[str, ...] = (),
    files: dict[str, str] | None = None,
    record: tuple[str, ...] = (),
) -> Path:
    """Make a distribution in *site* and give its metadata folder.

    files: texts by path; a path without a slash goes into ``licenses/`` of the metadata folder.
    record: lines of RECORD beside those for *files*.
    """
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    lines = ("Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *headers)
    (folder / "METADATA").write_text("\n".join(lines) + "\n\nA description.\n", encoding="utf-8")
    recorded = [*record]
    for path, text in (files or {}).items():
        target = site / path if "/" in path else folder / "licenses" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        recorded.append(f"{target.relative_to(site).as_posix()},,")
    (folder / "RECORD").write_text("\n".join(recorded) + "\n", encoding="utf-8")
    return folder
