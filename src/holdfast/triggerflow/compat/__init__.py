# SPDX-License-Identifier: Apache-2.0
"""Names that flows of an older style use: each works, and says once what to write instead.

Nothing outside this package depends on what it does. To remove the old names, delete the package
and the lines that import from it.
"""
