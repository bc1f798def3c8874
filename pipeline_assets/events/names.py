"""Which objects are no data by their names, as Hadoop, Spark and Athena understand names.

What tools leave beside data is left alone, wherever objects are looked at: no receipt, no refusal, no row. It is told
in the log and counted, so that nothing goes without a word.

============================================== ====================================================================
left alone                                     because
============================================== ====================================================================
keys that end in ``/`` or in ``_$folder$``     they stand for folders
a part that begins with ``.``                  hidden files, ``.crc`` and editors' own among them
a part that begins with ``_``                  ``_SUCCESS``, ``_committed_1``, ``_temporary/0/part-0``, ``_metadata``
names that end in ``.crc`` or ``._COPYING_``   checksums, and what is not there as a whole yet
============================================== ====================================================================

A folder ``_name=value`` is a partition and not hidden, as in Spark. The two folders of the lake's own notes are known
to the flow that reads them.
"""

from __future__ import annotations

#: Where the lake keeps what it knows of loads, and keys of tables: as the first part of a key of the raw bucket.
LOADS, KEYS = "_loads/", "_keys/"
#: What to say of a key that is no data.
LEFT_ALONE = (
    "is left alone and has no receipt, for by its name it is no data: a part of it begins with . or _, or it is the "
    "name of a folder or a checksum. Put the file under another name."
)
_HIDDEN = ("_", ".")
_ENDINGS = ("/", "_$folder$", ".crc", "._COPYING_")


def is_left_alone(key: str) -> bool:
    """Whether an object of such a key is no data."""
    notes = next((notes for notes in (LOADS, KEYS) if key.startswith(notes)), "")
    *folders, name = key.removeprefix(notes).split("/")
    hidden = (folder.startswith(_HIDDEN) and not (folder.startswith("_") and "=" in folder) for folder in folders)
    return key.endswith(_ENDINGS) or name.startswith(_HIDDEN) or any(hidden)
