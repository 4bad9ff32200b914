"""Draws a Grafana dashboard: the panels, places, queries, legends and units of its JSON. Not Grafana itself."""

import datetime
import re

import matplotlib

matplotlib.use("agg")

from matplotlib import dates, pyplot

BACKGROUND, PANEL, TEXT = "#111217", "#181b1f", "#ccccdc"
UNITS = {"s": " s", "reqps": " /s", "ops": " /s", "percentunit": ""}
# What Grafana would put in: all of each variable, and some scrapes.
VARIABLES = {"cluster": ".*", "job": ".*", "namespace": ".*", "__rate_interval": "10s"}
# Inches for a column of the 24 and for a unit of height.
COLUMN, HEIGHT = 0.62, 0.36


def expression(target):
    return re.sub(r"\$(\w+)", lambda name: VARIABLES[name[1]], target["expr"])


def legend(target, labels):
    text = target.get("legendFormat") or ""
    named = re.sub(r"{{\s*(\w+)\s*}}", lambda name: labels.get(name[1], ""), text)
    return named if named and named != "__auto" else ", ".join(labels.values())


def unit(panel):
    return UNITS.get(panel.get("fieldConfig", {}).get("defaults", {}).get("unit", ""), "")


def lines(panel, axes, ask):
    axes.set_facecolor(PANEL)
    for target in panel["targets"]:
        for series in ask(expression(target)):
            points = [(datetime.datetime.fromtimestamp(at), float(value)) for at, value in series["values"]]
            points = [point for point in points if point[1] == point[1]]
            axes.plot(*zip(*points), label=legend(target, series["metric"]), linewidth=1.2) if points else None
    axes.set_ylim(bottom=0)
    axes.grid(color="#2c3235", linewidth=0.5)
    axes.tick_params(colors=TEXT, labelsize=6, length=0)
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S"))
    axes.xaxis.set_major_locator(dates.AutoDateLocator(maxticks=5))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}{unit(panel)}")
    if axes.get_lines():
        axes.legend(
            fontsize=6, labelcolor=TEXT, frameon=False, loc="upper left", bbox_to_anchor=(0, -0.12), ncols=4, borderpad=0
        )
    else:
        axes.text(0.5, 0.5, "No data", color=TEXT, ha="center", va="center", transform=axes.transAxes, fontsize=8)
        axes.set_xticks([])


def number(panel, axes, ask):
    (target,) = panel["targets"]
    found = ask(expression(target))
    by_name = panel.get("options", {}).get("textMode") == "name"
    shown = "No data"
    if found:
        labels, last = found[0]["metric"], float(found[0]["values"][-1][1])
        shown = legend(target, labels) if by_name or labels else f"{last:.3g}{unit(panel)}"
    axes.text(0.5, 0.42, shown, color="#73bf69", ha="center", va="center", transform=axes.transAxes, fontsize=17)


def draw(source, ask, path):
    panels = source["panels"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    width, height = 24 * COLUMN, rows * HEIGHT
    figure = pyplot.figure(figsize=(width, height), facecolor=BACKGROUND)
    for panel in panels:
        place = panel["gridPos"]
        left, bottom = place["x"] / 24, 1 - (place["y"] + place["h"]) / rows
        title = {"color": TEXT, "fontsize": 8, "loc": "left"}
        if panel["type"] == "row":
            figure.text(left + 0.005, bottom + 0.3 / rows, panel["title"], color=TEXT, fontsize=10, weight="bold")
            continue
        box = figure.add_axes([left + 0.003, bottom + 0.15 / rows, place["w"] / 24 - 0.006, (place["h"] - 0.3) / rows])
        box.set_facecolor(PANEL)
        box.set(xticks=[], yticks=[])
        for side in box.spines.values():
            side.set_color("#2c3235")
        box.text(0.012 * 12 / place["w"], 1 - 0.55 / place["h"], panel["title"], color=TEXT, fontsize=8, va="center",
                 transform=box.transAxes)
        if panel["type"] == "stat":
            number(panel, box, ask)
        else:
            inner = [left + 0.035, bottom + 1.9 / rows, place["w"] / 24 - 0.05, (place["h"] - 3.1) / rows]
            axes = figure.add_axes(inner)
            for side in axes.spines.values():
                side.set_visible(False)
            lines(panel, axes, ask)
    figure.savefig(path, dpi=80, facecolor=BACKGROUND)
