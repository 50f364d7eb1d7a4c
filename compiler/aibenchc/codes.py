# ruff: noqa: E501  (a table: one code a line)
"""The one table of diagnostic codes. Ids are stable and never reused.

AIB0xx syntax, 1xx names, 2xx types, units and data edges, 3xx distilling, 4xx placement, 5xx emission, 6xx running, 9xx our bug.
`message` and `hint` are templates; a report fills in their fields. What the environment lacks has its codes in `aibenchrt.codes`.
"""

from __future__ import annotations

from aibenchrt.codes import FAILURES, Code, Severity


def _warning(id_: str, message: str, hint: str, explanation: str) -> Code:
    return Code(id_, message, hint, explanation, Severity.WARNING)


# fmt: off
_SYNTAX = (
    Code("AIB001", "{found} is not expected here", "expected {expected}", "The words of a spec are in an order that the grammar does not allow; grammar/README.md shows the language by example."),
    Code("AIB002", "the character {found} has no meaning here", "remove it, or put it inside a string: \"…\"", "Names are made of a-z, A-Z, 0-9 and _; anything else belongs in a string or a comment."),
    Code("AIB003", "the file is larger than {limit} MiB", "keep data out of a spec, and split it with `include \"file\"`; shorten a trace", "A spec describes a scenario; a file of more than 1 MiB is assumed to be a mistake and is not read. A trace may have up to 16 MiB."),
    Code("AIB004", "the file is not UTF-8", "save it as UTF-8; the first byte that is not is at offset {offset}", "Specs are read as UTF-8."),
    Code("AIB005", "the file contains a control character ({found})", "remove it; is this a text file?", "Apart from newline and tab, a spec contains no control characters."),
    Code("AIB006", "nested deeper than {limit} levels", "give the inner part a name: write it as a chain of its own", "Parentheses and braces nest at most 64 deep."),
    Code("AIB007", "the first line does not name the language version", "begin the file with `aib {version}`", "Every file, an included one too, begins with the version of the language it is written in."),
    Code("AIB008", "language version {found} is not supported", "this compiler reads `aib {version}`", "The compiler reads one version of the language."),
    Code("AIB009", "the string is not closed on its line", "close it with \"; inside a string, write \\\" for a quote", "A string begins and ends on one line."),
    Code("AIB010", "the file ends too early", "expected {expected}", "A block or a group is still open where the file ends."),
    Code("AIB011", "there is no file {file}", "files are looked for beside the spec, and under each --include folder", "An include, a trace or a data file that a spec names does not exist."),
    Code("AIB012", "{file} is outside the spec's folder", "move it into the folder, or allow its folder with --include FOLDER", "Files resolve inside the spec's folder or an explicit --include folder, symbolic links resolved. No other file is read."),
    Code("AIB013", "include loop: {path}", "remove one of these includes", "A file includes itself, directly or through others."),
    Code("AIB014", "{file} is included twice", "remove this include", "A file is included once; what it declares is known everywhere in the spec."),
    Code("AIB015", "{file} cannot be read: {reason}", "name a readable text file", "The file exists, but it is not a regular file, or you are not allowed to read it."),
    Code("AIB016", "a spec describes one scenario; this is a second one", "move it into a spec of its own", "One file (with its includes) has exactly one `scenario` block."),
    Code("AIB017", "there is no scenario in this spec", "add `scenario name \"title\" {{ … }}`", "One file (with its includes) has exactly one `scenario` block."),
    Code("AIB018", "a group uses one operator; {found} is mixed with another", "put the inner part into parentheses of its own", "There is no precedence between & , | and else: nest with parentheses."),
    Code("AIB022", "the file has more than {limit} words and signs", "split the scenario; keep data out of a spec", "A spec describes a scenario; 10,000 tasks fit into this many words."),
    Code("AIB023", "{opening} is not closed", "close it with {closer} at {latest} or before", "Every block and group is closed by the bracket that belongs to what opens it. Indentation and the words that begin an item tell which of several is open."),
    Code("AIB024", "{opener} is missing here", "the {bracket} at {closer} closes what begins here", "A `}` at the end of a block has no `{` that it closes; the line above it, as deep as this one, begins the block."),
    Code("AIB025", "this {bracket} closes nothing", "remove it, or put the {opener} that it closes before it", "Every closing bracket closes one that is open."),
    Code("AIB026", "a comma is missing before `{name}`", "write `{before}, {name} …`", "Settings on one line are separated by commas; a word that names a setting begins the next one."),
    Code("AIB019", "'{escape}' is not an escape sequence", "inside a string write \\\" for a quote and \\\\ for a backslash; a newline cannot stand in one", "In a string, a backslash may only precede a quote or another backslash."),
)

_NAMES = (
    Code("AIB101", "unknown task '{name}'", "", "A chain, an update, an override or a reference names a task or request that the spec does not declare."),
    Code("AIB102", "unknown component '{name}'", "", "`task name : component` takes a component of the catalogue; `aibenchc components` lists them."),
    Code("AIB103", "the catalogue has no data set '{name}'", "", "`dataset name = spec` takes a data set of the catalogue; `aibenchc components` lists them."),
    Code("AIB104", "unknown data set '{name}'", "", "A request takes its payloads `from` a data set that the spec declares."),
    Code("AIB105", "data set '{dataset}' has no source '{name}'", "", "A request takes payloads and held-out truth from one source of a data set, as `from shop.queries`."),
    Code("AIB106", "{owner} has no {direction} '{name}'", "", "`a.out -> b.in` names an output of a and an input of b; `aibenchc components NAME` lists a component's ports."),
    Code("AIB107", "{owner} has no setting '{name}'", "", "Only the settings that the component or the block declares may be given."),
    Code("AIB108", "component '{component}' has no model '{name}'", "", "`model a | b` takes models of the task's component."),
    Code("AIB109", "'{name}' is not a value of {setting}", "", "The setting takes one of a few words."),
    Code("AIB110", "the name '{name}' is used twice", "rename one of them; it is first declared at {first}", "Tasks, requests and data sets share one namespace; parameters and deployments have one each."),
    Code("AIB111", "'{name}' is a reserved name", "choose another; `response`, `rest`, `else`, `until` and `when` have a meaning in chains", "These words have a meaning inside a permutation; nor may a task have the name of a process that every deployment runs: planner, triton, postgresql, generator."),
    Code("AIB112", "the name is {length} characters long", "use at most {limit} characters", "Names become file names, services and models; longer ones do not fit everywhere."),
    Code("AIB113", "unknown parameter '{name}'", "", "`$name` uses a parameter that `param name = value` declares."),
    _warning("AIB114", "parameter '{name}' is not used", "remove it, or use it as `${name}`", "A parameter that nothing uses changes nothing."),
    Code("AIB115", "{what} is given twice", "keep one; the first is at {first}", "A block of this kind, or a setting, is written once."),
    Code("AIB116", "'{name}' is not a metric here", "", "Percentiles are written p50, p99, p99.9; quality metrics as precision@10."),
    Code("AIB117", "the metric '{name}' cannot be computed", "", "A quality metric needs a data set with the held-out truth that it scores, used by at least one request, and a response port with an answer that can be compared with that truth."),
    Code("AIB118", "unknown deployment '{name}'", "", "A reference is bound to a deployment that the spec declares."),
    _warning("AIB119", "data set '{name}' is not used", "remove it, or let a request take its payloads from it", "A data set that no request uses is not fetched."),
    Code("AIB120", "no edge leads to task '{name}'", "add `… -> {name}` to the permutation, or remove the task", "A task runs when an edge feeds it; nothing feeds this one."),
    Code("AIB121", "the command line sets a parameter that the spec does not declare: '{name}'", "", "--param NAME=VALUE replaces the value of a declared parameter."),
    Code("AIB122", "no edge leads from request '{name}'", "add `{name} -> …` to the permutation, or remove the request", "A request class needs a way to the response."),
    Code("AIB123", "{owner} needs `{name}`", "{example}", "The block is incomplete without this setting."),
    Code("AIB124", "the scenario has no {name}", "{example}", "A scenario needs requests, a permutation and a load."),
    Code("AIB125", "data set '{name}' belongs to another world ({world}) than '{other}' ({first})", "take all requests from one of them, or write a scenario for each", "A scenario has one world: its models, indexes, tables and requests are all made from one data set. One that is made from another's requests, as spoken queries are, belongs to that one's world."),
    Code("AIB126", "no data set has the class '{name}'", "", "`aibenchc data` lists the data sets and their classes."),
    Code("AIB127", "task '{name}' ({component}) needs data that the scenario's world, {world}, does not provide: {needs}", "", "A component is trained and prepared from the scenario's world. `aibenchc components NAME` shows what a component needs and what a data set provides."),
)

_TYPES = (
    Code("AIB201", "{what} needs {expected}, not {found}", "{example}", "Every number has a unit, and the unit must be one that fits: ms s min h d for times, /s /min /h for rates, % for shares."),
    Code("AIB202", "{what} must be {expected}, not {found}", "", "The number is out of range, or not a whole number."),
    Code("AIB203", "{what} takes {expected}, not {found}", "{example}", "The value has another type than the setting takes."),
    Code("AIB204", "the shares add up to {total} %", "lower them to 100 % in all, or write `rest` for one", "The arms of a choice, and the request classes, share 100 % between them."),
    Code("AIB205", "the shares add up to only {total} %", "raise them to 100 % in all, or write `rest` for one", "The arms of a choice, and the request classes, share 100 % between them."),
    Code("AIB206", "the share rises along `else`: {share} % after {before} %", "an arm is reached by no more requests than the one before it", "The share of an `else` arm is the fraction of requests that get that far; it cannot grow."),
    Code("AIB207", "an alternative after `->` needs a share", "write `( 40%: a | rest: b )`; without shares, `( a | b ) ->` may only begin a chain", "A choice takes one arm by share; whichever-ran groups stand at the beginning of a chain."),
    Code("AIB208", "{what} has no meaning here", "{example}", "On the left of a chain `( a | b ) ->` means whichever ran: nothing is chosen there. The first arm of `else` is always tried."),
    Code("AIB209", "`rest` is used twice in one choice", "give one of them a share", "`rest` is what the other arms leave."),
    Code("AIB210", "cycle: {path}", "remove one of these edges", "A permutation is a directed graph without cycles; a `when` or `until` depends on the task that it names."),
    Code("AIB211", "port '{port}' of task '{task}' is not connected{case}", "{way_out}", "An input port takes the output of the predecessors that run in this case and have its type. Every request class and every choice is checked separately."),
    Code("AIB212", "port '{port}' of {task} has several sources{case}: {sources}", "name the one you mean: `{example}`", "A port takes one value, unless it is declared `many`."),
    Code("AIB213", "{source} is {found}, but {target} takes {expected}", "name ports of one type", "Both ends of an edge have one port type."),
    Code("AIB214", "this edge feeds no port: {why}", "remove it, or name the ports: a.out -> b.in", "A task sees only what its in-edges bring; an edge whose data no task uses would mislead the reader."),
    Code("AIB215", "'{one}' and '{other}' do not exclude each other{case}", "feed {target} from one of them, or write `&` where both are meant", "`( a | b ) ->` says that at most one of them runs; every class and choice is checked."),
    Code("AIB216", "request '{name}' never reaches the response{case}", "add an edge to `response` from what answers here", "Each class reaches `response` exactly once in every case."),
    Code("AIB217", "request '{name}' reaches the response twice{case}: from {sources}", "keep one of these edges, or make them arms of one choice", "Each class reaches `response` exactly once in every case."),
    Code("AIB218", "`response` is the end of a chain", "end the chain here; what does not delay the response branches off before it", "Nothing can follow the response."),
    Code("AIB219", "model '{model}' declares no {metric}", "drop the alternative, or declare it: `{model} ({example})`", "A quality target compares the alternatives by a metric that each of them must have."),
    Code("AIB220", "task '{name}' cannot be retrained", "remove it from the update; {component} has no trainer", "An update retrains models; only components with a trainer can be named."),
    Code("AIB221", "'{name}' is {found}, not a Flag", "`when` takes a port that says yes or no{example}", "The port that selects an arm at run time is a Flag: yes or no."),
    Code("AIB222", "`until` cannot sum '{name}': {why}", "name a Count port of the tasks that are tried, as `until first.hits >= 20`", "Every arm of an ordered fallback puts out the Count that `until` adds up."),
    Code("AIB223", "'{name}' names both an input and an output of '{task}'", "write two edges: `… -> {name}` and `{name} -> …`", "In the middle of a chain a port name must be one or the other."),
    Code("AIB224", "duplicate edge: {edge}", "remove one; the first is at {first}", "An edge is written once."),
    Code("AIB225", "{what}", "{example}", "Edges lead from requests and tasks to tasks and the response."),
    Code("AIB227", "request '{name}' has more than {limit} cases", "split the scenario, or drop choices that do not matter", "Each combination of arms is checked; these are too many."),
    Code("AIB228", "the choice cannot be made{case}: '{task}' {why}", "{way_out}", "The task that a `when` names must run wherever the choice is reached."),
    Code("AIB229", "nothing goes on from here: every arm ends in `response`", "remove what follows, or let one arm go on", "An arm that ends in `response` does not go on."),
    Code("AIB230", "an ordered fallback needs `until`", "write `( a else 35%: b until a.hits >= 20 )`", "`until` says when enough has been found and no further arm is tried."),
    Code("AIB231", "a choice decided by `when` needs exactly one arm without it", "give the arm that is taken otherwise no `when`, as `rest: b`", "The first arm whose flag is true is taken, otherwise the one arm without `when`."),
    Code("AIB232", "the bound is written with `{operator}`, not `{found}`", "{example}", "Quality and counts are bounded from below, latency and error rates from above."),
    Code("AIB233", "'{model}' and '{other}' cannot both be fixed for task '{task}'", "keep one `use`", "`use` fixes one model."),
    Code("AIB234", "the trace cannot be used: {why}", "give ascending offsets in seconds from the start of the warm-up, one a line, as `0.35`", "A trace is a text file of at most 16 MiB that says when requests arrive; it is read when the spec is checked, and emitted with the rest."),
    Code("AIB235", "the load sends about {count} requests, more than {limit}", "lower the rate, or shorten `for` and `warmup`", "The whole schedule is drawn and kept in memory before the first request is sent, which limits the size of a load."),
    Code("AIB237", "the scenario has more than {limit} {things}", "{way_out}", "What is checked and distilled grows with these totals, some of it faster than the spec's text."),
    Code("AIB238", "with request '{name}' the scenario has more than {cases} cases in all, or more than {tasks} tasks and edges in all its cases", "merge request classes, drop choices that do not matter, or split the scenario", "Each combination of arms is checked for each request class, task by task; these are too many."),
    Code("AIB239", "'{name}' sends in pairs, {apart:g} s apart, and the measured phase lasts {duration:g} s: there is time for none", "lengthen `for`, or leave this request out", "The two of a pair belong to one phase: a pair that its end would divide is not sent."),
    Code("AIB240", "each payload of '{name}' can be sent once, and users who do not think would need more than there can be", "give the users a think time: `users 20 think 1 s`", "A message that a deployment takes only once, as one with a nonce, is never repeated. Of users who do not think as many requests are planned as a generator can send, 10,000 a second."),
    Code("AIB241", "'{name}' cannot be sent as streams: its source, {source}, {why}", "take the requests from a source of clips, or give the load another kind of arrivals; `aibenchc components DATASET` shows its sources", "A stream sends the frames of a clip one after the other, and begins again where the clips end."),
    Code("AIB242", "'{name}' is not made of the same clips as '{other}'{first}", "take all requests of a load of streams from sources of one data set that have the same clips", "Each frame of a stream is of one of the request classes, drawn by their shares. Whichever it is, it must be the next frame of the stream."),
    Code("AIB243", "`{name}` needs a request with a deadline", "write `request frame {{ share 100%, from show.frames, deadline 40 ms }}`, or leave `{name}` out", "An answer that comes after its deadline is missed, one that never comes is dropped."),
    Code("AIB244", "`{name}` needs a load of streams", "write `load {{ streams 4, at 25/s, … }}`, or leave `{name}` out", "Jitter is the mean absolute difference of the latencies of consecutive frames of a stream (D of RFC 3550, section 6.4.1, unsmoothed)."),
    Code("AIB245", "port '{port}' of task '{task}' tells streams apart, and {source} is not a port of a request", "feed it from the request itself, as `frame.moment -> {task}`", "A task that keeps a state for each stream gets all frames of a stream in one replica. Which stream a frame belongs to is known when it is sent; no task may change it."),
    _warning("AIB236", "p{percentile} needs {needed} requests of the load, which sends about {count}", "lengthen `for`, raise the rate, or ask for a lower percentile", "A percentile p is shown only with 20/(1 - p) requests; a run with fewer of them than its highest percentile needs is INVALID."),
)

_DISTILLING = (
    Code("AIB301", "pruning {pruned} removes {share} % of the requests, but the highest percentile is p{percentile}: rare classes determine the tail", "write `confirm tail` in `distill`, or `keep` a class", "R2 stops where the pruned requests together exceed 1 - p for the highest percentile p in metrics or slo."),
    _warning("AIB302", "nothing is known about the models of task '{task}': no quality target decides between {models}", "declare `quality metric >= x%`, or write `use {task}.MODEL` in `distill`", "R4 keeps the best declared quality; where nothing is declared it changes nothing."),
    _warning("AIB303", "no service times are known: rule 2 goes by requests only", "declare `service 3 ms` for the tasks, or give --measurements FILE", "R2 compares a branch's share of requests and its share of service time."),
    Code("AIB304", "`{setting} {name}` names nothing that can be {done}", "", "`keep` takes a task or a request class, `use` a task and one of its models."),
    Code("AIB305", "rule {rule}: {text}", "{way_out}", "What a distilling rule left as it is, and why.", Severity.NOTE),
    Code("AIB309", "distilling would take too long: the rules have looked at more than {limit} tasks and edges", "merge request classes or arms, drop choices that do not matter, split the scenario, or leave rules out with --without", "Each step of a rule analyses all cases of the graph again."),
    Code("AIB306", "unknown distilling rule '{name}'", "", "--rules and --without take names of rules, separated by commas."),
    Code("AIB307", "the measurements cannot be read: {reason}", "write them with `aibenchc report RUN --measurements FILE`, or leave --measurements out", "--measurements takes a JSON file of measured qualities and service times."),
    Code("AIB308", "no model of task '{task}' fits: {reason}", "lower the quality target, use another profile, or write `use {task}.MODEL`", "R4 keeps a model that the profile allows and that meets the target; here none does."),
)

_PLACEMENT = (
    Code("AIB401", "unknown deployment '{name}'", "", "--deployment takes a deployment that the spec declares."),
    Code("AIB402", "{count} ports from {first} on do not fit below 65536", "choose a lower first port", "Every service listens on a port of its own."),
    _warning("AIB403", "task '{task}' has several models left; '{model}' serves, not {others}", "write `use {task}.MODEL` in `distill`, or declare a quality target", "A plan names one model for each AI task: the first that the deployment's profile allows."),
    Code("AIB404", "no model of task '{task}' is allowed by the profile `{profile}` of deployment '{deployment}'", "add a small model to `model`, or use a deployment of profile `full`", "A deployment of profile `small` runs only the models that the catalogue marks as small."),
    _warning("AIB405", "reference \"{title}\" is about task '{task}', which distilling removed", "write `keep {task}` in `distill`, or drop the figure", "A figure about a task that no longer runs cannot be compared."),
    Code("AIB406", "the inventory cannot be used: {reason}", "`ansible-inventory -i FILE --list` shows how Ansible reads it", "-i takes an Ansible inventory, INI or YAML, with at least one host."),
    Code("AIB407", "host '{name}' cannot run any part: {reason}", "", "Parts call each other at a host's aibench_address (otherwise ansible_host, otherwise its name), and listen there unless aibench_bind_address names another address of the host: behind a floating address, or where the host's own name is 127.0.1.1 to itself. aibench_cores, aibench_memory_mib and aibench_gpus declare what a host has."),
    Code("AIB408", "deployment '{name}' does not fit on {hosts}: {reason}", "add hosts or enlarge them in the inventory (aibench_memory_mib, aibench_cores, aibench_gpus), or ask for less in the deployment", "Every part is placed where its memory, cores and GPU fit, in the groups that may take it, and as `apart` and `together` say. This is reported only where it is proven that there is no such placement. `aibenchc plan` shows what each part takes."),
    _warning("AIB409", "deployment '{name}' has {nodes} nodes, the inventory {hosts}", "write `nodes {hosts}` in the deployment, or give the inventory that belongs to it", "The parts are placed on the inventory's hosts, however many they are; a reference is bound to the number of hosts that ran."),
    _warning("AIB410", "query generators share {hosts} with what they measure", "add a host for each generator, or accept that its CPU time delays the others", "A generator that competes with the system for CPU sends late and makes answers late; the report counts its lateness, and a run where it matters is INVALID."),
    _warning("AIB411", "deployment '{name}' places '{task}', which distilling removed", "write `keep {task}` in `distill`, or remove it from the deployment", "What no longer runs takes no host. `postgresql` is there only where a task has `engine postgresql`."),
    Code("AIB412", "'{task}' cannot have {count} replicas: it keeps {state} on disk", "remove it from `replicas`", "Tasks that keep the same thing on disk share one host and have one replica each: another replica would not see what the first one stored."),
    Code("AIB413", "'{one}' and '{other}' cannot be apart: {why}", "remove one of them from `apart`", "`apart` keeps parts on different hosts; `together`, a common state on disk, and distilling's combined tasks put them on one."),
    _warning("AIB414", "{count} replicas of '{name}' share host '{host}'", "add hosts, or lower `replicas`", "There are fewer hosts with room than replicas; they help only if the host has cores to spare."),
    _warning("AIB415", "a GPU of host '{host}' is kept for '{name}', which runs on the CPU", "remove it from `gpu` to free the GPU", "Models are served by ONNX Runtime on the CPU; `gpu` decides about the host alone, so far."),
    Code("AIB417", "'{name}' cannot have a GPU: it runs no model", "remove it from `gpu`", "Only a model in Triton can take a GPU; other parts are services on the CPU."),
    Code("AIB418", "the inventory would run programs on this machine: {reason}", "write it as plain INI or YAML; or, if you would run it yourself, add --trust-inventory", "An inventory is data: hosts and their variables, reached by ssh. Programs, plugins, templates, and what makes ssh run commands need --trust-inventory, which lets the inventory do with your account whatever it does."),
    _warning("AIB416", "{wanted} query generators are requested, but there are hosts for {found} only", "add hosts, or lower `generators`", "Two generators on one host would only compete for it; the load is the same however many there are."),
    _warning("AIB422", "`{metric}` is not measured: distilling removed every request that had a deadline", "write `keep {request}` in `distill`, or give what remains a deadline", "What is missed or dropped is counted of requests with a deadline."),
    _warning("AIB423", "the deployment has {count} {parts}, and the load {streams} streams", "lower `{setting}`, or raise `streams`", "All frames of a stream are answered by one replica of a task that keeps a state for each stream, and sent by one query generator: what is more than the streams has nothing to do."),
    Code("AIB419", "no placement of deployment '{name}' on {hosts} was found, nor is it proven that there is none: {reason}", "add a host or enlarge one in the inventory (aibench_memory_mib, aibench_cores), or ask for less in the deployment: with more room to spare a placement is soon found", "The parts need nearly all that the hosts have, and the search ended at its budget, which is the same on every machine."),
    Code("AIB420", "no placement of deployment '{name}' on {hosts} was found, nor is it proven that there is none: {reason}", "{install}; or add a host or enlarge one in the inventory", "The search by hand tries a few thousand steps. Where it ends without an answer, OR-Tools CP-SAT, which comes with the extra `cluster`, places the parts or proves that they do not fit."),
    Code("AIB421", "the inventory sets {variable} of {hosts}{place}, which is a variable of the generated playbooks", "", "An inventory sets aibench_address, aibench_bind_address, aibench_cores, aibench_memory_mib and aibench_gpus. Whether another of our variables would win over the playbooks' own value or lose to it depends on where it stands; so none is taken."),
)

_EMISSION = (
    Code("AIB501", "task '{task}' remains after distilling, but component '{component}' has no implementation", "remove the task, or declare it `auxiliary`", "A component may be in the catalogue as a specification only; what remains after distilling must run."),
    Code("AIB503", "the name '{name}' cannot be emitted: {reason}", "rename it in the spec", "Names become proto messages, Python modules and model folders."),
    Code("AIB505", "data set '{name}' is used, but has no implementation", "take another data set, or let distilling remove the requests that use it", "A data set may be in the catalogue as a specification only; what remains after distilling must run."),
    Code("AIB506", "port '{port}' of AI task '{task}' takes several values, which Triton cannot carry", "merge them in a service task before it", "A Triton model has one tensor for each field of a port."),
)

_RUNNING = (
    Code("AIB642", "no distilled scenario has '{name}': looked in {where}{known}", "name the scenario with --spec SPEC, and its task with --task", "`aibenchc bench component NAME` measures a component on the inputs that reach it in a distilled scenario."),
    Code("AIB645", "'{name}' is not one of the nine published scenarios, and declares nothing as essential", "", "`aibenchc validate --spec` knows what a spec has to cover by its file's name or the scenario's, or from its block `essential { tasks …, data …, metrics …, update … }`."),
    Code("AIB646", "the distilled graph has no {kind} '{word}', which {title} has", "add it, or protect it with `keep` in `distill`", "The table of the nine scenarios, and a block `essential`, list the tasks, data, metrics and update class that a scenario has to keep through distilling."),
    Code("AIB647", "the sign-off cannot be used: {reason}", "remove the file, and sign again with --sign", "`aibenchc validate --spec SPEC --sign NAME` writes <spec>.signoff.toml: name, date, and hash of the distilled graph."),
)

_OURS = (
    Code("AIB901", "the compiler failed: {reason}", "this is a bug in the compiler; please report it with the spec", "An internal error."),
)

TABLE = (*_SYNTAX, *_NAMES, *_TYPES, *_DISTILLING, *_PLACEMENT, *_EMISSION, *_RUNNING, *FAILURES, *_OURS)
CODES: dict[str, Code] = {code.id: code for code in TABLE}
