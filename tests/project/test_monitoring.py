"""The example dashboard and alert rules: they parse, and each metric in them is one that the server has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml

from langchain_motorhead.server.monitoring.metrics import Metrics
from support.doc_blocks import PAGES

FILES = PAGES / "operate" / "monitoring"
PAGE = (PAGES / "operate" / "tracing-and-metrics.md").read_text()
DASHBOARD: dict[str, Any] = json.loads((FILES / "dashboard.json").read_text())
ALERTS: dict[str, Any] = yaml.safe_load((FILES / "alerts.yml").read_text())
# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$instance": ".*"}
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    """List the expressions of all panels and rules."""
    found = [target["expr"] for panel in PANELS for target in panel["targets"]] + [rule["expr"] for rule in RULES]
    for name, value in VARIABLES.items():
        found = [each.replace(name, value) for each in found]
    return found


def selected(node: Any) -> Iterator[Any]:
    """Go through what an expression selects: metrics with their labels."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "param", "vs", "vector_selector"):
        if (inner := getattr(node, name, None)) is not None:
            yield from selected(inner)
    for inner in getattr(node, "args", ()) or ():
        yield from selected(inner)


def metrics() -> dict[str, set[str]]:
    """Give the labels of each series that a server can have, by name."""
    made = Metrics(lambda: 0, lambda: 0, lambda: {"accepted": 1})
    made.count_learning(lambda: {"accepted": 1}, lambda: 0)
    made.counts.answered("GET", "/", 200, 0.1)
    found: dict[str, set[str]] = {}
    for family in made.registry.collect():
        labels = set(getattr(made.registry._names_to_collectors.get(family.name), "_labelnames", ()))
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}[family.type]
        labels |= {label for sample in family.samples for label in sample.labels}
        for suffix in suffixes:
            found[family.name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return found


def test_expressions_are_right() -> None:
    """Each expression parses, and selects metrics and labels that the server has."""
    known, used = metrics(), set[str]()
    for expression in expressions():
        selectors = list(selected(promql_parser.parse(expression)))
        assert selectors, expression
        assert len(selectors) == len(re.findall(r"motorhead_\w+", expression)), expression
        for selector in selectors:
            labels = {matcher.name for matcher in selector.matchers.matchers} - {"__name__", "instance"}
            assert selector.name in known, expression
            assert labels <= known[selector.name], expression
            used.add(selector.name)
        grouped = {name for names in re.findall(r"\bby \(([^)]*)\)", expression) for name in names.split(", ")}
        assert grouped <= {"instance"} | {label for selector in selectors for label in known[selector.name]}
    shown = {name.removesuffix("_bucket") for name in used}
    of_dashboard = {re.sub(r"_(?:bucket|count|sum)$", "", name) for name in known}
    assert shown == of_dashboard, "each metric of the server is in the dashboard or in a rule"


def test_every_metric_is_documented() -> None:
    """The page has a row for each metric, under the name that Prometheus stores."""
    documented = set(re.findall(r"(?m)^\| `(motorhead_\w+)(?:\{[^}]*\})?` \|", PAGE))
    assert documented == {re.sub(r"_(?:bucket|count|sum)$", "", name) for name in metrics()}
    for name, labels in metrics().items():
        row = re.search(rf"(?m)^\| `{re.sub(r'_(?:bucket|count|sum)$', '', name)}(?:\{{([^}}]*)\}})?` \|", PAGE)
        assert row is not None
        assert set(filter(None, (row[1] or "").split(", "))) == labels - {"le"}, name


def test_the_dashboard_and_the_rules_are_whole() -> None:
    """Panels have titles and do not overlap. Rules say what happened and how bad it is, with labels that exist."""
    cells: set[tuple[int, int]] = set()
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        own = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert panel["title"]
        assert not own & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        cells |= own
    for rule in RULES:
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "description"}
        told = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
        by = re.search(r"by \(([^)]*)\)", rule["expr"])
        assert by is not None
        assert set(told) <= set(by[1].split(", ")), rule["alert"]


@pytest.mark.parametrize("broken", ["sum(rate(motorhead_requests_total[5m])", "motorhead_requests_total{status=}"])
def test_a_broken_expression_is_found(broken: str) -> None:
    """The parser refuses what Prometheus would refuse."""
    with pytest.raises(ValueError, match=r"\S"):
        promql_parser.parse(broken)
