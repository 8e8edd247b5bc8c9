"""Reads the part of a CircleCI 2.1 configuration that `run` runs. What is not known is named
with its line and refused, never skipped; what is ignored is noted."""

import re

import yaml

IMAGES = {"docker", "machine", "macos", "resource_class"}
# Steps, what each may say, and what it has to say.
STEPS = {"checkout": ({"path"}, set()),
         "run": ({"name", "working_directory", "environment"}, {"command"}),
         "attach_workspace": (set(), {"at"}),
         "persist_to_workspace": (set(), {"root", "paths"})}
WHEN = ("always", "on_fail", "on_success")


# ---- YAML that knows its lines

class Refused(Exception):
    """What cannot be run, and why; `where` is the part of the configuration."""

    def __init__(self, where, why):
        super().__init__(why)
        self.line = where if isinstance(where, int) else getattr(where, "line", 1)


class Text(str):
    line = 1


class Map(dict):
    line = 1

    def key(self, name):
        """The key as it stands there, with its line."""
        return next((key for key in self if key == name), self)


def construct_text(loader, node):
    made = Text(loader.construct_scalar(node))
    made.line = node.start_mark.line + 1
    return made


def construct_map(loader, node):
    made = Map()
    made.line = node.start_mark.line + 1
    yield made
    made.update(loader.construct_mapping(node, deep=True))


class Loader(yaml.SafeLoader):
    pass


Loader.add_constructor("tag:yaml.org,2002:str", construct_text)
Loader.add_constructor("tag:yaml.org,2002:map", construct_map)


def load(path):
    try:
        return yaml.load(path.read_text(), Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Refused(mark.line + 1, f"not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise Refused(1, f"not YAML: {error}") from None


def mapping(value, where, what, known=None):
    """A mapping whose keys are all known; nothing counts as an empty one."""
    value = Map() if value is None else value
    if not isinstance(value, Map):
        raise Refused(value if hasattr(value, "line") else where, f"{what} has to be a mapping")
    for key in value:
        if known is not None and key not in known:
            raise Refused(key, f"{what}: this runner does not know `{key}`; it knows "
                          f"{', '.join(sorted(known)) or 'nothing here'}")
    return value


def listing(value, where, what):
    if not isinstance(value, list):
        raise Refused(where, f"{what} has to be a list")
    return value


def entry(value, where, what):
    """`name`, or `name: …`: gives both."""
    if isinstance(value, str):
        return value, Map()
    if isinstance(value, Map) and len(value) == 1:
        return next(iter(value.items()))
    raise Refused(value if hasattr(value, "line") else where, f"{what} has to have one name")


def text(value):
    """A value as CircleCI writes it into the environment."""
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def variables(owner):
    given = mapping(owner.get("environment"), owner, "`environment`")
    return {name: text(value) for name, value in given.items()}


# ---- the configuration --------------------------------------------------------------------

def substitute(value, arguments, where):
    """Puts arguments in the place of << parameters.NAME >>, at any depth."""
    where = value if hasattr(value, "line") else where
    if isinstance(value, list):
        return [substitute(item, arguments, where) for item in value]
    if isinstance(value, Map):
        made = Map((key, substitute(item, arguments, key)) for key, item in value.items())
        made.line = value.line
        return made

    def argument(match):
        if match[1] not in arguments:
            raise Refused(where, f"nothing gives `{match[0]}`")
        return text(arguments[match[1]])
    if not isinstance(value, str):
        return value
    made = Text(re.sub(r"<<\s*(\w[\w-]*\.[\w.-]+)\s*>>", argument, value))
    made.line = getattr(value, "line", 1)
    return made


class Configuration:
    def __init__(self, path):
        self.top, self.notes = mapping(load(path), 1, "a configuration"), {}
        for key in {"orbs", "parameters", "setup"} & self.top.keys():
            raise Refused(self.top.key(key), f"this runner does not know `{key}`")
        self.jobs, self.commands, self.executors = (
            mapping(self.top.get(key), self.top.key(key), f"`{key}`")
            for key in ("jobs", "commands", "executors"))

    def workflows(self):
        """{workflow: {job: Job}}, all checked."""
        flows = mapping(self.top.get("workflows"), self.top.key("workflows"), "`workflows`")
        if not flows and "build" in self.jobs:
            flows = Map(workflow=Map(jobs=["build"]))
        found = {name: self.workflow(name, flows[name]) for name in flows if name != "version"}
        if not found:
            raise Refused(1, "there are no workflows")
        return found

    def workflow(self, name, flow):
        flow, jobs = mapping(flow, name, f"workflow `{name}`", {"jobs"}), {}
        for item in listing(flow.get("jobs"), flow, f"`jobs` of workflow `{name}`"):
            kind, body = entry(item, flow, "a job of a workflow")
            job = Job(self, kind, body, kind)
            if job.name in jobs:
                raise Refused(kind, f"two jobs are called `{job.name}`; give one a `name`")
            jobs[job.name] = job
        for job in jobs.values():
            job.find_upstream(jobs, ())
        return jobs


class Job:
    """A job of a workflow: what it runs, and after which others."""

    def __init__(self, configuration, kind, given, where):
        self.where, self.all = where, configuration
        given = mapping(given, where, f"job `{kind}`", {"name", "requires", "filters", "context"})
        self.name = given.get("name", kind)
        self.requires = listing(given.get("requires") or [], given, "`requires`")
        self.filters = mapping(given.get("filters"), given, "`filters`", {"branches", "tags"})
        self.branches = mapping(self.filters.get("branches"), given, "`branches`",
                                {"only", "ignore"})
        if kind not in self.all.jobs:
            raise Refused(where, f"there is no job `{kind}`")
        body = mapping(self.all.jobs[kind], where, f"job `{kind}`", IMAGES | {
            "executor", "environment", "working_directory", "steps", "description"})
        executor = self.executor(body)
        for owner in (executor, body):
            for key in IMAGES & owner.keys():
                self.all.notes[owner.key(key).line] = f"`{key}` is ignored: jobs run here"
        self.environment = {**variables(executor), **variables(body)}
        self.folder = {"working_directory": "~/project", **executor, **body}["working_directory"]
        self.steps = list(self.read_steps(body, f"job `{kind}`", 0))

    def executor(self, body):
        if "executor" not in body:
            return Map()
        name = body["executor"]
        if isinstance(name, Map):
            name = mapping(name, body, "`executor`", {"name"}).get("name")
        if name not in self.all.executors:
            raise Refused(body.key("executor"), f"there is no executor `{name}`")
        return mapping(self.all.executors[name], name, f"executor `{name}`",
                       IMAGES | {"environment", "working_directory", "description"})

    def read_steps(self, owner, what, depth):
        """The steps with their commands unfolded: (kind, body, where)."""
        for item in listing(owner.get("steps"), owner, f"`steps` of {what}"):
            kind, body = entry(item, owner, "a step")
            if kind in self.all.commands:
                yield from self.read_command(kind, body, depth + 1)
            else:
                yield kind, read_step(kind, body), kind

    def read_command(self, name, given, depth):
        if depth > 20:
            raise Refused(name, f"command `{name}` calls itself")
        command = mapping(self.all.commands[name], name, f"command `{name}`",
                          {"description", "parameters", "steps"})
        declared = mapping(command.get("parameters"), command, "`parameters`")
        given, arguments = mapping(given, name, f"command `{name}`", declared), {}
        for key, body in declared.items():
            body = mapping(body, key, f"parameter `{key}`", {"type", "default", "description"})
            if body.get("type") not in ("string", "boolean", "integer"):
                raise Refused(key, f"parameter `{key}`: this runner knows the types string, "
                              f"boolean and integer, not `{body.get('type')}`")
            if key not in given and "default" not in body:
                raise Refused(name, f"command `{name}` needs `{key}`")
            arguments[f"parameters.{key}"] = given.get(key, body.get("default"))
        yield from self.read_steps(substitute(command, arguments, command), f"command `{name}`",
                                   depth)

    def find_upstream(self, jobs, path):
        """All jobs that this one comes after."""
        if self.name in path:
            raise Refused(self.where, f"job `{self.name}` requires itself")
        self.upstream = {}
        for name in self.requires:
            if name not in jobs:
                raise Refused(name, f"job `{self.name}` requires `{name}`, which is not there")
            self.upstream |= {name: jobs[name]}
            self.upstream |= jobs[name].find_upstream(jobs, (*path, self.name))
        return self.upstream

    def is_wanted_on(self, branch):
        def matches(key):
            wanted = self.branches.get(key, [])
            return any(re.fullmatch(one[1:-1], branch) if one[:1] == one[-1:] == "/"
                       else one == branch
                       for one in ([wanted] if isinstance(wanted, str) else wanted))
        return not matches("ignore") and ("only" not in self.branches or matches("only"))


def read_step(kind, body):
    if kind not in STEPS:
        raise Refused(kind, f"this runner does not know the step `{kind}`; it knows "
                      f"{', '.join(STEPS)}, and the configuration's own commands")
    if kind == "run" and isinstance(body, str):
        body = Map(command=body)
    may, has_to = STEPS[kind]
    body = mapping(body, kind, f"`{kind}`", may | has_to | {"when"})
    for key in has_to:
        if not body.get(key):
            raise Refused(kind, f"`{kind}` needs `{key}`")
    if body.get("when", "always") not in WHEN:
        raise Refused(body.key("when"), f"`when` has to be one of {', '.join(WHEN)}")
    return substitute(body, {}, kind)  # refuses what nothing gives
