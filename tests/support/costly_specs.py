"""Specs below 1 MiB whose check or distilling could cost minutes or gigabytes: one for each total that grows faster than the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

MIB = 2**20


def spec(requests: Iterable[str], tasks: Iterable[str], edges: Iterable[str], more: str = "", load: str = "poisson 20/s") -> str:
    """A shop with these declarations and chains beside `category`, `find` and `show`."""
    lines = ["aib 1", 'scenario shop "a shop" {', "dataset goods = movielens_shop", *requests, *tasks]
    lines += [
        "task category : text_classification { model fasttext }",
        "task find : indexing",
        "task show : database_operation { table items }",
    ]
    lines += [
        "permutation {",
        *edges,
        "}",
        "metrics { ndcg@10, latency p50 p90 }",
        f"load {{ {load}, for 30 s, warmup 3 s, seed 7 }}",
        more,
        "}",
    ]
    return "\n".join(lines) + "\n"


def classes(count: int) -> list[str]:
    shares = [f"{99 / count:.6f}%"] * (count - 1) + ["rest"]
    return [f"request r{i} {{ share {share}, from goods.queries }}" for i, share in enumerate(shares)]


def whichever(names: Iterable[str]) -> str:
    listed = list(names)
    return f"({' | '.join(listed)})" if len(listed) > 1 else listed[0]


def choice(arms: list[str]) -> str:
    """An alternative of these arms with equal shares."""
    shares = [f"{99 / len(arms):.6f}%"] * (len(arms) - 1) + ["rest"]
    return f"( {' | '.join(f'{share}: {arm}' for share, arm in zip(shares, arms, strict=True))} )"


def numbered(name: str, count: int) -> list[str]:
    return [f"{name}{i}" for i in range(count)]


def declared(names: Iterable[str], component: str = "spelling_correction") -> list[str]:
    return [f"task {name} : {component}" for name in names]


PARSE = ["task parse : query_parsing"]
TAIL = ["parse -> find", "category -> find -> show -> response"]


def classes_and_choices(count: int = 80, choices: int = 11) -> str:
    chain = " -> ".join(["parse", *(choice([f"a{i}", f"b{i}"]) for i in range(choices)), "category"])
    tasks = [*PARSE, *declared(numbered("a", choices)), *declared(numbered("b", choices))]
    return spec(classes(count), tasks, [f"{whichever(numbered('r', count))} -> parse", chain, *TAIL])


def arms(count: int = 350) -> str:
    names = numbered("a", count)
    return spec(classes(1), [*PARSE, *declared(names)], ["r0 -> parse", f"parse -> {choice(names)} -> category", *TAIL])


def many_arms() -> str:
    return arms(12_000)


def request_classes(count: int = 350) -> str:
    names = numbered("p", count)
    edges = [f"r{i} -> p{i}" for i in range(count)]
    edges += [f"{whichever(names)} -> category", f"{whichever(names)} -> find", "category -> find -> show -> response"]
    return spec(classes(count), declared(names, "query_parsing"), edges)


def many_request_classes() -> str:
    return request_classes(6_000)


def different_classes(count: int = 256) -> str:
    """Classes whose ways are alike by half: no pair is merged, each is compared with every other."""
    tasks, edges = [], []
    for i in range(count):
        way = [f"t{i}_{j}" for j in range(1 + i % 20)]
        tasks += [f"task p{i} : query_parsing", *declared(way)]
        edges += [" -> ".join([f"r{i}", f"p{i}", *way, "category"]), f"{way[-1]} -> find"]
    return spec(classes(count), tasks, [*edges, "category -> find -> show -> response"])


def repeated(count: int = 3200) -> str:
    left, right = " & ".join(["parse"] * count), " & ".join(["find"] * count)
    return spec(classes(1), PARSE, ["r0 -> parse -> category", *TAIL, f"({left}) -> ({right})"])


def crossed(count: int = 1900) -> str:
    left, right = numbered("f", count), numbered("s", count)
    tasks = [*PARSE, *declared(left, "indexing"), *declared(right, "sort")]
    joined = f"({' & '.join(left)})", f"({' & '.join(right)})"
    edges = [
        "r0 -> parse -> category",
        f"(parse & category) -> {joined[0]}",
        f"{joined[0]} -> {joined[1]}",
        f"{joined[1]} -> show -> response",
    ]
    return spec(classes(1), tasks, edges)


def same_choice(count: int = 14_000) -> str:
    """The same two arms again and again: each choice needs a name of its own."""
    edges = ["r0 -> parse", *[f"parse -> {choice(['a', 'b'])} -> category"] * count, *TAIL]
    return spec(classes(1), [*PARSE, *declared(["a", "b"])], edges)


def datasets(count: int = 20_000) -> str:
    requests = [f"dataset d{i} = movielens_shop" for i in range(count)]
    requests += classes(1)
    return spec(requests, PARSE, ["r0 -> parse -> category", *TAIL])


def made_of_data_sets(count: int = 10_000) -> str:
    requests = [f"dataset d{i} = movielens_shop\nrequest q{i} {{ share 0.005%, from d{i}.queries }}" for i in range(count)]
    return spec([*requests, "request r0 { share rest, from goods.queries }"], PARSE, ["r0 -> parse -> category", *TAIL])


def metric_names(count: int = 60_000) -> str:
    names = ", ".join(f"x{i}" for i in range(count))
    return spec(classes(1), PARSE, ["r0 -> parse -> category", *TAIL]).replace("metrics { ndcg@10,", f"metrics {{ {names},")


def kept_apart(count: int = 15_000) -> str:
    names = numbered("t", count)
    more = f"deployment local {{ nodes 1, apart {{ {', '.join(names)} }}, together {{ {', '.join(names)} }} }}"
    return spec(classes(1), [*PARSE, *declared(names, "sort")], ["r0 -> parse -> category", *TAIL], more)


def groups_together(count: int = 30_000) -> str:
    names = numbered("t", 1000)
    groups = "\n".join(f"together {{ t{i % 1000}, t{(7 * i + 1) % 1000} }}" for i in range(count))
    more = f"deployment local {{ nodes 1\n{groups}\n}}"
    return spec(classes(1), [*PARSE, *declared(names, "sort")], ["r0 -> parse -> category", *TAIL], more)


def references(count: int = 6_000) -> str:
    more = "\n".join(
        f'deployment d{i} {{ nodes 1 }}\nreference "{i}" {{ on d{count - i - 1}, latency p50 1 ms within 5% }}' for i in range(count)
    )
    return spec(classes(1), PARSE, ["r0 -> parse -> category", *TAIL], more)


def keeps(count: int = 10_000) -> str:
    names = numbered("a", count)
    keep = "\n".join(f"keep {name}" for name in names)
    chain = " -> ".join(["r0", "parse", *names, "category"])
    return spec(classes(1), [*PARSE, *declared(names)], [chain, *TAIL], f"distill {{ {keep} }}")


def starved(count: int = 20_000) -> str:
    names = numbered("a", count)
    return spec(classes(1), [*PARSE, *declared(names, "sort")], ["r0 -> parse -> category", *TAIL, *(f"parse -> {name}" for name in names)])


def starved_classes(count: int = 250, tasks: int = 8_000) -> str:
    """Each class misses something at each task."""
    names = numbered("a", tasks)
    chain = " -> ".join(["category", *names])
    return spec(classes(count), declared(names), [f"{whichever(numbered('r', count))} -> a0", chain, *TAIL])


def long_classes(count: int = 250, tasks: int = 10_000) -> str:
    names = numbered("a", tasks)
    edges = [f"{whichever(numbered('r', count))} -> parse", " -> ".join(["parse", *names, "category"]), *TAIL]
    return spec(classes(count), [*PARSE, *declared(names)], edges)


def auxiliary(count: int = 6_000) -> str:
    """A chain of auxiliary tasks that have to be bypassed one by one."""
    names = numbered("a", count)
    tasks = [*PARSE, *(f"task {name} : spelling_correction {{ auxiliary }}" for name in names)]
    return spec(classes(1), tasks, [" -> ".join(["r0", "parse", *names, "category"]), *TAIL])


def pairs_in_succession(count: int = 6_000) -> str:
    """Pairs of successive steps, each to be combined for itself."""
    tasks = [*PARSE, *(f"task a{i} : spelling_correction\ntask b{i} : spelling_correction\ntask e{i} : event_log" for i in range(count))]
    edges = ["r0 -> parse", "parse -> category", *TAIL]
    edges += [f"parse -> a{i} -> b{i} -> e{i}" for i in range(count)]
    return spec(classes(1), tasks, edges)


def unknown_names(count: int = 60_000) -> str:
    return spec(classes(1), PARSE, ["r0 -> parse -> category", *TAIL, *(f"x{i} -> y{i}" for i in range(count))])


def unknown_components(count: int = 40_000) -> str:
    return spec(classes(1), [*PARSE, *(f"task a{i} : fltr{i}" for i in range(count))], ["r0 -> parse -> category", *TAIL])


def filled(piece: str, before: str = "scenario s {\n permutation {\n") -> str:
    """1 MiB of one thing."""
    head = f"aib 1\n{before}"
    return head + piece * ((MIB - len(head) - 10) // len(piece))


def plain(tasks: int = 10_000) -> str:
    from large_spec import large_spec

    return large_spec(tasks)


COSTLY: Mapping[str, Callable[[], str]] = {
    make.__name__: make
    for make in (
        plain,
        classes_and_choices,
        arms,
        many_arms,
        request_classes,
        many_request_classes,
        different_classes,
        repeated,
        crossed,
        same_choice,
        datasets,
        made_of_data_sets,
        metric_names,
        kept_apart,
        groups_together,
        references,
        keeps,
        starved,
        starved_classes,
        long_classes,
        auxiliary,
        pairs_in_succession,
        unknown_names,
        unknown_components,
    )
} | {
    "dots": lambda: filled("a."),
    "arrows": lambda: filled("a -> "),
    "ampersands": lambda: filled("a&"),
    "settings": lambda: filled("a,", "metrics {"),
    "settings_closed": lambda: filled("a,", "metrics {") + "}\n",
    "values": lambda: filled("a ", "metrics {x ") + "}\n",
    "alternatives": lambda: filled("a|", "task a : b { model ") + "b }\n",
    "chains": lambda: filled("a->b\n") + "}\n}\n",
    "blocks": lambda: filled("load { a }\n", "") + "\n",
    "open_blocks": lambda: filled("load {\n", ""),
    "open_groups": lambda: filled("a -> ( b\n"),
    "parameters": lambda: filled("param a=1\n", ""),
    "mistakes": lambda: filled("load { a b = }\n", ""),
}
