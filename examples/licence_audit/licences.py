# SPDX-License-Identifier: Apache-2.0
"""The licences this audit knows: family, kind, and the phrases that give their texts away.

Each text is a tuple of fragments that must all be present; several texts are alternatives (a full
licence and the header that refers to it, two historic wordings). Fragments are written the way
``texts.normalise`` leaves a text: lower case, letters and digits only, single spaces. They come
from the body of a licence rather than its name, because licences mention each other by name.

``contains`` lists licences whose phrases occur inside the text of this one: finding both means
this one. Licences of one family do not contradict each other.
"""

from dataclasses import dataclass

Text = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Licence:
    """What is known of one licence."""

    id: str
    family: str
    kind: str
    texts: tuple[Text, ...] = ()
    contains: tuple[str, ...] = ()


_MIT_GRANT = "permission is hereby granted free of charge to any person obtaining a copy of"
_MIT_NOTICE = "above copyright notice and this permission notice shall be included in all"
_MIT_NEXT = "this permission notice including the next paragraph shall be included in all"
_BSD_GRANT = "redistribution and use in source and binary forms with or without modification are"
_BSD_SOURCE = "redistributions of source code must retain the above copyright notice"
_ISC_GRANT = "distribute this software for any purpose with or without fee is hereby granted"
_ENDORSE = "used to endorse or promote products derived from"
_BY_FSF = "as published by the free software foundation either version"

PERMISSIVE = (
    Licence(
        "MIT",
        "mit",
        "permissive",
        ((_MIT_GRANT, _MIT_NOTICE), (_MIT_GRANT, _MIT_NEXT)),
        ("MIT-0",),
    ),
    Licence("MIT-0", "mit", "permissive", ((_MIT_GRANT, "furnished to do so the software is"),)),
    Licence("X11", "mit", "permissive"),
    Licence("BSD", "bsd", "permissive"),
    Licence("BSD-2-Clause", "bsd", "permissive", ((_BSD_GRANT, _BSD_SOURCE),)),
    Licence(
        "BSD-3-Clause",
        "bsd",
        "permissive",
        ((_BSD_GRANT, _ENDORSE), (_BSD_GRANT, "neither the name")),
        ("BSD-2-Clause",),
    ),
    Licence(
        "BSD-4-Clause",
        "bsd",
        "permissive",
        ((_BSD_GRANT, "all advertising materials mentioning features or use"),),
        ("BSD-2-Clause", "BSD-3-Clause"),
    ),
    Licence(
        "Apache-2.0",
        "apache",
        "permissive",
        (
            ("apache license version 2 0 january 2004",),
            ("grants to you a perpetual worldwide non exclusive no charge royalty free",),
            ("licensed under the apache license version 2 0",),
        ),
    ),
    Licence("Apache-1.1", "apache", "permissive", (("the apache software license version 1 1",),)),
    Licence(
        "ISC",
        "isc",
        "permissive",
        ((_ISC_GRANT, "above copyright notice and this permission notice appear in all copies"),),
        ("0BSD",),
    ),
    Licence("0BSD", "0bsd", "permissive", ((_ISC_GRANT + " the software is provided as is",),)),
    Licence(
        "PSF-2.0",
        "psf",
        "permissive",
        (
            ("psf hereby grants licensee a nonexclusive royalty free",),
            ("cnri hereby grants licensee a nonexclusive royalty free",),
        ),
        ("0BSD", "HPND"),
    ),
    Licence("Python-2.0", "psf", "permissive"),
    Licence("CNRI-Python", "psf", "permissive"),
    Licence(
        "Zlib",
        "zlib",
        "permissive",
        (("altered source versions must be plainly marked as such",),),
    ),
    Licence(
        "HPND",
        "hpnd",
        "permissive",
        (
            ("this software and its documentation for any purpose and without fee is hereby",),
            ("this software and its associated documentation for any purpose and without fee",),
        ),
    ),
    Licence("MIT-CMU", "hpnd", "permissive"),
    Licence(
        "BSL-1.0",
        "boost",
        "permissive",
        (("software and accompanying documentation covered by this license",),),
    ),
    Licence("ZPL-2.1", "zope", "permissive", (("zope public license zpl version 2 1",),)),
    Licence("UPL-1.0", "upl", "permissive", (("the universal permissive license upl version",),)),
    Licence("WTFPL", "wtfpl", "permissive", (("do what the fuck you want to public license",),)),
    Licence("Artistic-2.0", "artistic", "permissive", (("the artistic license 2 0",),)),
    Licence("AFL-3.0", "afl", "permissive", (("academic free license version 3 0",),)),
    Licence("CC-BY-4.0", "cc-by", "permissive", (("creative commons attribution 4 0 inter",),)),
)

PUBLIC_DOMAIN = (
    Licence(
        "Unlicense",
        "public-domain",
        "public-domain",
        (("this is free and unencumbered software released into the public domain",),),
    ),
    Licence(
        "CC0-1.0",
        "public-domain",
        "public-domain",
        (("affirmer hereby overtly fully permanently irrevocably",), ("cc0 1 0 universal",)),
    ),
    Licence(
        "LicenseRef-Public-Domain",
        "public-domain",
        "public-domain",
        (("placed in the public domain",), ("dedicated to the public domain",)),
    ),
)

WEAK_COPYLEFT = (
    Licence(
        "MPL-2.0",
        "mpl",
        "weak-copyleft",
        (
            ("mozilla public license version 2 0 1 definitions",),
            ("subject to the terms of the mozilla public license v 2 0",),
        ),
    ),
    Licence("MPL-1.1", "mpl", "weak-copyleft", (("mozilla public license version 1 1",),)),
    Licence("LGPL", "lgpl", "weak-copyleft"),
    Licence(
        "LGPL-2.0",
        "lgpl",
        "weak-copyleft",
        (("gnu library general public license version 2 june 1991",),),
    ),
    Licence(
        "LGPL-2.1",
        "lgpl",
        "weak-copyleft",
        (
            ("gnu lesser general public license version 2 1 february 1999",),
            (f"gnu lesser general public license {_BY_FSF} 2 1",),
        ),
    ),
    Licence(
        "LGPL-3.0",
        "lgpl",
        "weak-copyleft",
        (
            ("gnu lesser general public license version 3 29 june 2007",),
            (f"gnu lesser general public license {_BY_FSF} 3",),
        ),
        ("GPL-3.0",),
    ),
    Licence("EPL-1.0", "epl", "weak-copyleft", (("eclipse public license v 1 0 the acc",),)),
    Licence("EPL-2.0", "epl", "weak-copyleft", (("eclipse public license v 2 0 the acc",),)),
    Licence("CDDL-1.0", "cddl", "weak-copyleft", (("development and distribution license cddl",),)),
)

COPYLEFT = (
    Licence("GPL", "gpl", "copyleft"),
    Licence(
        "GPL-2.0",
        "gpl",
        "copyleft",
        (
            ("gnu general public license version 2 june 1991",),
            (f"gnu general public license {_BY_FSF} 2",),
        ),
    ),
    Licence(
        "GPL-3.0",
        "gpl",
        "copyleft",
        (
            ("gnu general public license version 3 29 june 2007",),
            (f"gnu general public license {_BY_FSF} 3",),
        ),
    ),
    Licence(
        "AGPL-3.0",
        "agpl",
        "copyleft",
        (
            ("gnu affero general public license version 3 19 november 2007",),
            (f"gnu affero general public license {_BY_FSF} 3",),
        ),
    ),
    Licence("EUPL-1.2", "eupl", "copyleft", (("european union public licence v 1 2",),)),
    Licence("CC-BY-SA-4.0", "cc-by-sa", "copyleft", (("attribution sharealike 4 0 inter",),)),
)

PROPRIETARY = (
    Licence(
        "LicenseRef-Proprietary",
        "proprietary",
        "proprietary",
        (
            ("proprietary and confidential",),
            ("confidential and proprietary information",),
            ("this end user license agreement",),
            ("unauthorized copying of this",),
        ),
    ),
    Licence("BUSL-1.1", "busl", "proprietary", (("business source license 1 1",),)),
    Licence("SSPL-1.0", "sspl", "proprietary", (("server side public license version 1",),)),
    Licence("Elastic-2.0", "elastic", "proprietary", (("elastic license 2 0 url",),)),
)

LICENCES = {
    licence.id: licence
    for group in (PERMISSIVE, PUBLIC_DOMAIN, WEAK_COPYLEFT, COPYLEFT, PROPRIETARY)
    for licence in group
}
"""Every known licence by its id."""

VAGUE = frozenset({"BSD", "GPL", "LGPL"})
"""Families that people name as if they were licences; the text says which one it is."""

_BY_LOWER = {id_.lower(): licence for id_, licence in LICENCES.items()}


def lookup(id_: str) -> Licence | None:
    """Give the licence that an SPDX id means; ``-only``, ``-or-later`` and ``+`` make no change."""
    plain = id_.lower().removesuffix("+").removesuffix("-only").removesuffix("-or-later")
    return _BY_LOWER.get(plain)
