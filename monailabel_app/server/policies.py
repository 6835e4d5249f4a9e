"""Who may call what: every route of MONAI Label, written out. A route that is not here does not exist.

open: anybody who passes the Host and Origin checks. read: with the token, or without it from this machine under --open-loopback.
token: with the token. admin: with the administrator's token. off: nobody.
Settings that change it: --open-loopback ("read"), --admin-token-file ("admin", which without it nobody passes), and --turn-on for
the routes that name a switch; no setting opens the others that are "off".
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from asap import limits

Policy = Literal["open", "read", "token", "admin", "off"]
Switch = Literal["reload", "dicom-proxy"]
ASAP_PREFIX = "/asap/v1/"
JSON_BYTES = 1 * 2**20
ASAP_JSON_BYTES = 2 * 2**20  # a report of MAX_REPORT_CHARS, every character escaped


@dataclass(frozen=True)
class Rule:
    """What holds for one route. body_bytes: the largest request body. switch, turned_on: what --turn-on makes of it."""

    policy: Policy
    body_bytes: int = 0
    switch: Switch | None = None
    turned_on: Policy = "off"


PROXY = Rule("off", switch="dicom-proxy", turned_on="read")


STOCK_ROUTES: dict[tuple[str, str], Rule] = {
    ("GET", "/info/"): Rule("read"),
    ("GET", "/openapi.json"): Rule("token"),
    ("GET", "/auth/"): Rule("open"),
    ("POST", "/auth/token"): Rule("open", 4096),
    ("GET", "/auth/token/valid"): Rule("token"),
    ("POST", "/infer/{model}"): Rule("read", limits.MAX_UPLOAD_BYTES),
    ("POST", "/infer/wsi/{model}"): Rule("off"),
    ("POST", "/infer/wsi_v2/{model}"): Rule("off"),
    ("POST", "/activelearning/{strategy}"): Rule("read", JSON_BYTES),
    ("PUT", "/session/"): Rule("token", limits.MAX_UPLOAD_BYTES),
    ("GET", "/session/{session_id}"): Rule("token"),
    ("DELETE", "/session/{session_id}"): Rule("token"),
    ("GET", "/datastore/"): Rule("read"),
    ("PUT", "/datastore/"): Rule("token", limits.MAX_UPLOAD_BYTES),
    ("DELETE", "/datastore/"): Rule("admin"),
    ("GET", "/datastore/image"): Rule("read"),
    ("HEAD", "/datastore/image"): Rule("read"),
    ("PUT", "/datastore/image"): Rule("token", limits.MAX_UPLOAD_BYTES),
    ("DELETE", "/datastore/image"): Rule("admin"),
    ("GET", "/datastore/image/info"): Rule("read"),
    ("PUT", "/datastore/image/info"): Rule("token", JSON_BYTES),
    ("GET", "/datastore/label"): Rule("read"),
    ("HEAD", "/datastore/label"): Rule("read"),
    ("PUT", "/datastore/label"): Rule("token", limits.MAX_UPLOAD_BYTES),
    ("DELETE", "/datastore/label"): Rule("admin"),
    ("GET", "/datastore/label/info"): Rule("read"),
    ("PUT", "/datastore/label/info"): Rule("token", JSON_BYTES),
    ("PUT", "/datastore/updatelabelinfo"): Rule("token", JSON_BYTES),
    ("GET", "/datastore/dataset"): Rule("admin"),
    ("GET", "/train/"): Rule("token"),
    ("POST", "/train/"): Rule("admin", JSON_BYTES),
    ("POST", "/train/{model}"): Rule("admin", JSON_BYTES),
    ("DELETE", "/train/"): Rule("admin"),
    ("GET", "/batch/infer"): Rule("token"),
    ("POST", "/batch/infer/{model}"): Rule("off"),
    ("DELETE", "/batch/infer"): Rule("off"),
    ("GET", "/scoring/"): Rule("token"),
    ("POST", "/scoring/"): Rule("off"),
    ("POST", "/scoring/{method}"): Rule("token", JSON_BYTES),
    ("DELETE", "/scoring/"): Rule("token"),
    ("GET", "/model/{model}"): Rule("admin"),
    ("GET", "/model/info/{model}"): Rule("admin"),
    # Weights come with a manifest of digests, checked before they are loaded, and never over the network: no switch.
    ("PUT", "/model/{model}"): Rule("off"),
    ("DELETE", "/model/{model}"): Rule("off"),
    ("POST", "/reload"): Rule("off", switch="reload", turned_on="admin"),
    # Questions to the archive; what would write to it has no switch.
    ("GET", "/proxy/dicom/{path}"): PROXY,
    ("GET", "/proxy/dicom/wado/{path}"): PROXY,
    ("GET", "/proxy/dicom/qido/{path}"): PROXY,
    ("GET", "/proxy/dicom/stow/{path}"): Rule("off"),
    ("POST", "/proxy/dicom/{path}"): Rule("off"),
    ("POST", "/proxy/dicom/wado/{path}"): Rule("off"),
    ("POST", "/proxy/dicom/qido/{path}"): Rule("off"),
    ("POST", "/proxy/dicom/stow/{path}"): Rule("off"),
    # Show server logs, load scripts from other hosts.
    ("GET", "/logs/"): Rule("off"),
    ("GET", "/logs/gpu"): Rule("off"),
    ("GET", "/ohif/{path}"): Rule("off"),
    ("GET", "/static/{path}"): Rule("off"),
    ("GET", "/"): Rule("off"),
    ("GET", "/docs"): Rule("off"),
    ("GET", "/favicon.ico"): Rule("off"),
}

ASAP_HEALTH = Rule("open")
ASAP_PART = Rule("token", limits.MAX_PART_BYTES)
ASAP_OTHER = Rule("token", ASAP_JSON_BYTES)
_PART = re.compile(r"/asap/v1/studies/[^/]+/parts/[^/]+")


def _pattern(name: str) -> re.Pattern[str]:
    """A route's name as an expression: {path} takes the rest, any other field one part."""
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(name).replace(r"\{path\}", ".+")))


# The path that takes the rest comes last, so that it does not hide the narrower ones.
_ORDER = sorted(STOCK_ROUTES, key=lambda route: route[1].count("{path}") * 100 - len(route[1]))
_PATTERNS = [(method, name, _pattern(name)) for method, name in _ORDER]
SWITCHES: tuple[Switch, ...] = ("reload", "dicom-proxy")


@dataclass(frozen=True)
class Match:
    """The rule of a request, the route's name for the log, and the path as the route is written."""

    rule: Rule
    name: str
    path: str


def find_rule(method: str, path: str, turned_on: Collection[Switch] = ()) -> Match | None:
    """The rule of a request; None when there is no such route. `/info` finds `/info/`. turned_on: the switches that are."""
    if path.startswith(ASAP_PREFIX):
        if (method, path) == ("GET", "/asap/v1/health"):
            return Match(ASAP_HEALTH, path, path)
        if _PART.fullmatch(path):
            return Match(ASAP_PART, "/asap/v1/studies/{id}/parts/{n}", path)
        return Match(ASAP_OTHER, "/asap/v1/" + _first_word(path), path)
    for candidate in (path, path + "/"):
        for known_method, name, pattern in _PATTERNS:
            if known_method == method and pattern.fullmatch(candidate):
                rule = STOCK_ROUTES[known_method, name]
                if rule.switch in turned_on:
                    rule = replace(rule, policy=rule.turned_on)
                return Match(rule, name, candidate)
    return None


def _first_word(path: str) -> str:
    """The first part behind the prefix when it is one of ours: what a caller invents is not logged."""
    word = path.removeprefix(ASAP_PREFIX).partition("/")[0]
    return word if word in ("info", "sessions", "studies", "jobs") else "?"
