"""The rules of the house. Each gives its findings as (key, sentence): the key is the line that
stands for it in `exceptions`.

  up       FILE FILE    an include that points to a folder further up in `folders`, or to another
                        program's
  call     FILE NAME    the same of a function: whatever header declares it
  circle   FILE ...     modules that need each other; walk.c and walk.h are the module walk
  long     NAME         a function of more than 60 lines
  large    FILE         a file of more than 500 lines
  twice    TAG          a struct's tag with two definitions
  unused   NAME         a public function that no other file of the programs uses
  library  FILE NAME    a file that names what belongs to a library, by the beginning of its
                        names, outside of the folders that stand for it (LIBRARIES)
  crowded  FOLDER       a folder of more than 24 .c and .h files
  folder   FOLDER       sources in a folder that `folders` does not list, or a listed one with none
"""

import collections

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 500
FOLDER_FILES_MAX = 24
SHARED = "proto"  # what every program may use
LIBRARIES = {
    "cjose_": ["daemon/access/token"],
    "curl_": ["daemon/access/issuer"],
    "msgpack": ["proto/message"],
    "sqlite3": ["daemon/store/database"],
    "uv_": ["daemon", "daemon/loop", "daemon/upkeep", "daemon/task"],
}
FACES = ["client/baton.h"]  # what others may use of a program


def program(name):
    return name.split("/")[0]


def points_up(folders, user, used):
    """Whether a file of folder `user` may not use one of folder `used`."""
    if program(used) not in (program(user), SHARED):
        return True
    if user not in folders or used not in folders:
        return False  # a finding of its own
    return folders.index(used) < folders.index(user)


class Owners:
    """Which source defines a public function. Two programs may have two of one name."""

    def __init__(self, sources):
        self.owners = collections.defaultdict(list)
        for source in sources.values():
            for name in source.public():
                self.owners[name].append(source)

    def used_by(self, source):
        """(name, source that defines it) of all public functions that this source names."""
        for name in source.words & self.owners.keys():
            for owner in self.owners[name]:
                if program(source.name) in (SHARED, program(owner.name)) or \
                        program(owner.name) == SHARED:
                    yield name, owner


def check_folders(sources, folders):
    used = {source.folder for source in sources.values()}
    for folder in sorted(used - set(folders)):
        yield f"folder {folder}", "has sources; say in tests/lint/folders where it stands"
    for folder in sorted(set(folders) - used):
        yield f"folder {folder}", "is listed in tests/lint/folders and has no source"


def check_crowds(sources):
    counts = collections.Counter(source.folder for source in sources.values())
    for folder, count in sorted(counts.items()):
        if count > FOLDER_FILES_MAX:
            yield (f"crowded {folder}", f"has {count} files; at most {FOLDER_FILES_MAX}: find "
                   "those that know nothing of the others, and put them into a folder below")


def check_includes(sources, folders):
    for source in sources.values():
        for used in source.includes:
            if used in sources and points_up(folders, source.folder, sources[used].folder):
                yield f"up {source.name} {used}", "this include points up"


def check_calls(sources, folders, owners):
    for source in sources.values():
        for name, owner in sorted(owners.used_by(source), key=lambda found: found[0]):
            if points_up(folders, source.folder, owner.folder):
                yield f"call {source.name} {name}", f"it is further up, in {owner.name}"


def uses(sources, owners):
    """Module: the modules whose public functions it names. A header without a .c file is no
    module, but a part of those that share it."""
    graph = collections.defaultdict(set)
    for source in sources.values():
        graph[source.stem] |= {owner.stem for _, owner in owners.used_by(source)} - {source.stem}
    return graph


def circles(graph):
    """The strongly connected parts of more than one module (Tarjan, 1972)."""
    index, low, stack, found = {}, {}, [], []

    def visit(module):
        index[module] = low[module] = len(index)
        stack.append(module)
        for used in sorted(graph.get(module, ())):
            if used not in index:
                visit(used)
            if used in stack:
                low[module] = min(low[module], low[used])
        if low[module] == index[module]:
            part = stack[stack.index(module):]
            del stack[-len(part):]
            found.append(sorted(part))

    for module in sorted(graph):
        if module not in index:
            visit(module)
    return sorted(part for part in found if len(part) > 1)


def check_circles(sources, owners):
    headers = {source.name: set(source.includes) for source in sources.values()}
    for part in circles(headers) + circles(uses(sources, owners)):
        yield "circle " + " ".join(part), "these modules need each other"


def check_sizes(sources):
    for source in sources.values():
        if source.lines > FILE_LINES_MAX:
            yield f"large {source.name}", f"has {source.lines} lines; at most {FILE_LINES_MAX}"
        for function in source.functions:
            if function.lines > FUNCTION_LINES_MAX:
                yield (f"long {function.name}", f"{source.name}:{function.first} has "
                       f"{function.lines} lines; at most {FUNCTION_LINES_MAX}")


def check_tags(sources):
    places = collections.defaultdict(list)
    for source in sources.values():
        for tag in source.tags:
            places[tag].append(source.name)
    for tag, names in sorted(places.items()):
        if len(names) > 1:
            yield f"twice {tag}", "is defined in " + ", ".join(names)


def check_used(sources, owners):
    # What a header's inline functions call, whoever includes it calls.
    used = {(name, owner.stem) for source in sources.values()
            for name, owner in owners.used_by(source)
            if owner.stem != source.stem or source.name.endswith(".h")}
    for source in sources.values():
        for name in source.public():
            if (name, source.stem) not in used and not is_face(sources, name):
                yield f"unused {name}", f"{source.name} has it for nobody else"


def check_libraries(sources):
    for source in sources.values():
        for library, folders in LIBRARIES.items():
            if source.folder not in folders and \
                    any(name.startswith(library) for name in source.names):
                yield f"library {source.name} {library}", "only " + ", ".join(folders) + " may"


def is_face(sources, name):
    """What a program promises to others: its start, and its library's header."""
    return name == "main" or any(name in sources[face].declared for face in FACES if face in sources)


def findings(sources, folders):
    owners = Owners(sources)
    yield from check_folders(sources, folders)
    yield from check_crowds(sources)
    yield from check_includes(sources, folders)
    yield from check_calls(sources, folders, owners)
    yield from check_circles(sources, owners)
    yield from check_sizes(sources)
    yield from check_tags(sources)
    yield from check_used(sources, owners)
    yield from check_libraries(sources)
