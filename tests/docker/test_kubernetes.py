"""docker/kubernetes says what the image and the program say. No cluster runs it here, and docs/kubernetes.md says so."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from idp.config.settings import Settings
from tests.docker.chart import FOLDER, rendered, values
from tests.docker.dockerfile import ACCOUNT, DATA, ROOT, instruction
from tests.idp.cli.command import ciconia

PAGE = (ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
PARTS = {part["kind"]: part for part in yaml.safe_load_all(rendered())}
POD = PARTS["Deployment"]["spec"]["template"]["spec"]
(UNPACKED,), (BROKER,) = POD["initContainers"], POD["containers"]
PORTS = {port["name"]: port["containerPort"] for port in BROKER["ports"]}


def mounted(container: dict[str, list[dict[str, str]]]) -> dict[str, dict[str, str]]:
    """The mounts of a container, by path."""
    return {each["mountPath"]: each for each in container["volumeMounts"]}


def said_settings() -> dict[str, object]:
    """The lines of ciconia.toml that the page asks for."""
    return tomllib.loads(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0])


def test_the_manifests_are_the_chart_with_its_own_values() -> None:
    assert (FOLDER / "ciconia.yaml").read_text(encoding="utf-8") == rendered(), "python -m tests.docker.chart"
    assert "{{" not in rendered()
    used = (FOLDER / "chart/templates/ciconia.yaml").read_text(encoding="utf-8")
    assert [name for name in values() if f".Values.{name} " not in used] == []


def test_the_chart_has_the_version_of_the_program() -> None:
    chart = yaml.safe_load((FOLDER / "chart/Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["version"], chart["appVersion"], values()["image"]) == (VERSION, VERSION, f"ciconia:{VERSION}")


def test_what_the_page_asks_for_is_a_setting_and_fits_the_pod(tmp_path: Path) -> None:
    said = said_settings()
    assert set(said) <= set(Settings.model_fields)
    assert said["listen"] == f"0.0.0.0:{PORTS['http']}"
    assert said["metrics_listen"] == f"0.0.0.0:{PORTS['metrics']}"
    written = mounted(BROKER)
    assert not {"readOnly"} & {key for path in (DATA, str(said["witness"]), "/tmp") for key in written[path]}  # noqa: S108 - as the manifest
    assert str(said["metadata_copies"]).startswith(f"{DATA}/")
    city = BROKER["args"][BROKER["args"].index("--config") + 1]
    assert f"passfile={city}/pgpass" in str(said["database"])
    assert written["/etc/ciconia"]["readOnly"]
    # The program takes them
    assert ciconia("init", tmp_path / "city").returncode == 0
    settings = tmp_path / "city/ciconia.toml"
    text = settings.read_text(encoding="utf-8")
    (tmp_path / "witness").mkdir()
    for name, value in {**said, "witness": str(tmp_path / "witness")}.items():
        text, found = re.subn(rf"^{name} = .*$", f"{name} = {json.dumps(value)}", text, flags=re.MULTILINE)
        assert found == 1, name
    settings.write_text(text, encoding="utf-8")
    (tmp_path / "city/pgpass").touch(0o600)
    found = json.loads(ciconia("doctor", "--offline", "--config", tmp_path / "city", "--json").stdout)["problems"]
    # The database of the page is not there
    assert {one["key"] for one in found if one["severity"] != "notice"} <= {"database"}


def test_the_first_container_unpacks_a_folder_with_private_keys(tmp_path: Path) -> None:
    (archive,) = re.findall(r"^\$ (tar .*)$", PAGE, re.MULTILINE)[:1]
    made, unpacked = tmp_path / "made", tmp_path / "unpacked"
    made.mkdir()
    unpacked.mkdir(mode=0o777)
    assert ciconia("init", made / "city").returncode == 0
    subprocess.run(archive.split(), cwd=made, check=True, timeout=60)
    places = {"/run/secrets/ciconia": str(made), "/etc/ciconia": str(unpacked)}
    assert set(places) == set(mounted(UNPACKED))
    line = [re.sub("|".join(places), lambda found: places[found[0]], word) for word in UNPACKED["command"]]
    subprocess.run(line, check=True, timeout=60)
    files = sorted(path.relative_to(made) for path in (made / "city").rglob("*"))
    assert sorted(path.relative_to(unpacked) for path in (unpacked / "city").rglob("*")) == files
    for file in files:
        assert (unpacked / file).stat().st_mode == (made / file).stat().st_mode
    assert (unpacked / "city/keys/saml.pem").stat().st_mode & 0o077 == 0


def test_serve_takes_the_arguments_and_ends_within_the_grace() -> None:
    arguments = BROKER["args"]
    assert arguments[0] == instruction("CMD").split('"')[1] == "serve"
    shown = ciconia("serve", "--help").stdout
    assert [word for word in arguments if word.startswith("--") and word not in shown] == []
    drain = int(arguments[arguments.index("--drain") + 1])
    # docs/operations.md: the seconds of --drain and 30 more
    assert POD["terminationGracePeriodSeconds"] == drain + 30
    assert all(isinstance(word, str) for word in arguments)


@pytest.mark.parametrize("container", [UNPACKED, BROKER], ids=["configuration", "broker"])
def test_no_container_gains_rights(container: dict[str, dict[str, object]]) -> None:
    confined = container["securityContext"]
    assert (confined["readOnlyRootFilesystem"], confined["allowPrivilegeEscalation"]) == (True, False)
    assert confined["capabilities"] == {"drop": ["ALL"]}
    whole = POD["securityContext"]
    assert (whole["runAsUser"], whole["runAsGroup"], whole["runAsNonRoot"]) == (ACCOUNT, ACCOUNT, True)
    assert POD["automountServiceAccountToken"] is False


def test_the_probes_ask_what_the_listener_answers() -> None:
    listener = (ROOT / "idp/monitoring/listener.py").read_text(encoding="utf-8")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = BROKER[probe]["httpGet"]
        assert asked["port"] == "metrics"
        assert f'case "{asked["path"]}"' in listener
    assert BROKER["readinessProbe"]["httpGet"]["path"] == "/ready"


def test_each_part_means_the_same_pods_and_ports() -> None:
    labels = PARTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    policy, service, budget = (PARTS[kind]["spec"] for kind in ("NetworkPolicy", "Service", "PodDisruptionBudget"))
    selected = (policy["podSelector"]["matchLabels"], service["selector"], budget["selector"]["matchLabels"])
    assert selected == (labels, labels, labels)
    assert PARTS["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    let_in = {port["port"]: rule["from"] for rule in policy["ingress"] for port in rule["ports"]}
    assert set(let_in) == set(PORTS)
    assert all(let_in.values()), "a rule without `from` lets everybody in"
    assert [port["targetPort"] for port in service["ports"]] == ["http"]
    assert budget["minAvailable"] < PARTS["Deployment"]["spec"]["replicas"]
