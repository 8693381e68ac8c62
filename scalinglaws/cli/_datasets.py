"""The command that lists the tables, says where they lie, and fetches one when asked."""

import difflib
import importlib
import os

from ._errors import InputError, users_input
from ._run import json_line, output, say

# Name of the loader, and rows of its default subset.
TABLES = {
    "sweep": ("load_sweep", 72),
    "besiroglu2024": ("fetch_besiroglu2024", 245),
    "czech2026": ("fetch_czech2026", 947),
    "li2025": ("fetch_li2025", 81),
    "porian2024": ("fetch_porian2024", 1745),
}


def show_datasets(what, download, as_json):
    """Print the list of tables, the folders, or everything about one table."""
    if what == "path":
        _show_folders(as_json)
    elif what == "list":
        with users_input(ValueError):
            tables = [_facts(name) for name in TABLES]
        _show_list(tables, as_json)
    elif what in TABLES:
        with users_input(ValueError, OSError):
            if download and what != "sweep":
                _loader(what)()
            facts = _facts(what)
        _show_table(facts, as_json)
    else:
        close = difflib.get_close_matches(what, [*TABLES, "list", "path"], n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise InputError(f"no table named {what!r}.{hint} There are {', '.join(TABLES)}.")


def _loader(name):
    from .. import datasets

    return getattr(datasets, TABLES[name][0])


def _facts(name):
    """Collect what is known of a table without loading or downloading it."""
    from ..datasets._files import locate, registry

    module = importlib.import_module(f"scalinglaws.datasets._{name}")
    files = {file: entry for file, entry in registry().items() if file.startswith(name)}
    places = {}
    for file in files:
        try:
            places[file] = str(locate(file, download_if_missing=False))
        except OSError:
            places[file] = None
    licences = {entry.licence.replace("-", " ") for entry in files.values()}
    return {
        "name": name,
        "loader": TABLES[name][0],
        "rows": TABLES[name][1],
        "licence": ", ".join(sorted(licences)) or "Apache-2.0",
        "citation": " ".join(module._CITATION.split()),
        "description": module._DESCR.strip(),
        "here": all(place is not None for place in places.values()),
        "files": [
            {"file": file, "url": entry.url, "sha256": entry.sha256, "path": places[file]}
            for file, entry in files.items()
        ],
    }


def _show_list(tables, as_json):
    if as_json:
        json_line([{key: t[key] for key in t if key != "description"} for t in tables])
        return
    console = output()
    for facts in tables:
        where = "ships with the package" if not facts["files"] else _where(facts)
        say(
            console,
            f"[bold]{facts['name']}[/]  {facts['rows']} rows, {facts['loader']}()",
            markup=True,
        )
        say(console, f"  {facts['description'].splitlines()[0]}")
        say(console, f"  licence: {facts['licence']}; {where}")
        say(console, f"  cite: {facts['citation']}")
    say(console, "\nscalinglaws datasets NAME says more; with --download it fetches the files.")


def _where(facts):
    place = "on this machine" if facts["here"] else "not on this machine"
    repository = "/".join(facts["files"][0]["url"].split("/")[3:5])
    return f"{place}, from github.com/{repository}"


def _show_table(facts, as_json):
    if as_json:
        json_line(facts)
        return
    console = output()
    say(console, facts["description"])
    say(console, f"\nPython: scalinglaws.datasets.{facts['loader']}()")
    say(console, f"Licence: {facts['licence']}")
    say(console, f"Cite: {facts['citation']}")
    for file in facts["files"]:
        say(console, f"{file['file']}: {file['path'] or 'not on this machine'}")
        say(console, f"  {file['url']}")
    if not facts["here"]:
        say(console, f"Fetch: scalinglaws datasets {facts['name']} --download")


def _show_folders(as_json):
    import pooch

    folders = {
        "SCALINGLAWS_DATA": os.environ.get("SCALINGLAWS_DATA") or None,
        "cache": str(pooch.os_cache("scalinglaws")),
    }
    if as_json:
        json_line(folders)
        return
    console = output()
    first = folders["SCALINGLAWS_DATA"] or "not set"
    say(console, f"SCALINGLAWS_DATA (read first): {first}")
    say(console, f"cache: {folders['cache']}")
