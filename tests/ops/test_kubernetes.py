"""The manifests have the form that Kubernetes asks for, and keep what docker-compose.yml keeps."""

import copy
import re
import shlex
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from grader.cli import _parser
from grader.doctor.finding import CODES
from grader.worker.broker import queue_name
from web.dispatch.keys import make_keys
from web.settings import SETTINGS, read_settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "ops" / "kubernetes"
PAGE = (ROOT / "docs" / "kubernetes.md").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
CADDYFILE = (ROOT / "images" / "proxy" / "Caddyfile").read_text()
OLDEST = "1.33"
ON_THEIR_OWN = {"keda.yaml"}
"""Not in kustomization.yaml: a cluster without KEDA would refuse all of it."""

ROOT_CONTAINERS = {"engine": "starts sandboxes; docs/kubernetes.md says with which rights"}
SECRETS = {
    ("database", "database"): {"database/*"},
    ("broker", "broker"): {"broker/*"},
    ("web", "web"): {"control/database_url", "control/secret_key", "metrics/token"},
    ("proxy", "proxy"): set(),
    ("relay", "migrate"): {"control/database_url"},
    ("relay", "relay"): {"control/*"},
    ("recorder", "migrate"): {"control/database_url"},
    ("recorder", "recorder"): {"control/database_url", "control/secret_key", "recorder/*"},
    ("runner-cpu", "engine"): set(),
    ("runner-cpu", "sandbox-cpu"): set(),
    ("runner-cpu", "runner"): {"runner-cpu/*"},
}
"""What each container of each part is given, `*` being all keys."""

MADE_BY_HAND = {"metrics", "scaler"}


def form(told):
    """A schema: of an object with these fields and no other, `?` where one may be missing."""
    if isinstance(told, dict):
        return {
            "type": "object",
            "properties": {name.rstrip("?"): form(inner) for name, inner in told.items()},
            "required": [name for name in told if not name.endswith("?")],
            "additionalProperties": False,
        }
    if isinstance(told, list):
        return {"type": "array", "minItems": 1, "items": form(told[0])}
    if isinstance(told, set):
        return {"enum": sorted(told)}
    return {"type": "string", "minLength": 1} if told is str else {"type": "integer", "minimum": 0}


# The package has no schemas of these. They are the fields in use, by the definitions of KEDA 2 and
# the documentation of kustomize.
KEDA = {
    "apiVersion": {"keda.sh/v1alpha1"},
    "kind": str,
    "metadata": {"name": str, "namespace": str},
}
POLICY = {"type": {"Pods", "Percent"}, "value": int, "periodSeconds": int}
SCALE_DOWN = {"stabilizationWindowSeconds": int, "policies": [POLICY]}
TRIGGER = {
    "type": {"rabbitmq"},
    "metadata": {
        "queueName": str,
        "protocol": {"auto", "http", "amqp"},
        "mode": {"QueueLength", "MessageRate"},
        "value": str,
    },
    "authenticationRef": {"name": str},
}
SCALED = {
    "scaleTargetRef": {"name": str},
    "pollingInterval?": int,
    "minReplicaCount?": int,
    "maxReplicaCount?": int,
    "advanced?": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": SCALE_DOWN}}},
    "triggers": [TRIGGER],
}
OURS = {
    "TriggerAuthentication": form(
        {**KEDA, "spec": {"secretTargetRef": [{"parameter": str, "name": str, "key": str}]}}
    ),
    "ScaledObject": form({**KEDA, "spec": SCALED}),
    "Kustomization": form(
        {
            "apiVersion": {"kustomize.config.k8s.io/v1beta1"},
            "kind": str,
            "resources": [str],
            "images": [{"name": str, "newName": str, "newTag": str}],
        }
    ),
}


def load(*files):
    """All documents of these files."""
    return [
        document for file in files for document in yaml.safe_load_all((FOLDER / file).read_text())
    ]


KUSTOMIZATION = load("kustomization.yaml")[0]
DOCUMENTS = load(*KUSTOMIZATION["resources"], *sorted(ON_THEIR_OWN))
EVERYTHING = [KUSTOMIZATION, *DOCUMENTS]


def name_of(document):
    return f"{document['kind']}-{document.get('metadata', {}).get('name', '')}"


def check_form(document, version):
    """Raises jsonschema.ValidationError where it is not as it should be."""
    if document["kind"] in OURS:
        jsonschema.validate(document, OURS[document["kind"]])
    else:
        kubernetes_validate.validate(document, version, strict=True)


def find(kind, name, documents=DOCUMENTS, namespace=None):
    (found,) = (
        each
        for each in documents
        if (each["kind"], each["metadata"]["name"]) == (kind, name)
        and namespace in (None, each["metadata"].get("namespace"))
    )
    return found


def pods(documents=DOCUMENTS):
    """Each part's name with what its pods are made from."""
    for document in documents:
        if "template" in document.get("spec", {}):
            template = document["spec"]["template"]
            yield document["metadata"]["name"], template["spec"]


def containers(documents=DOCUMENTS):
    for part, pod in pods(documents):
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            yield part, pod, container


def secrets(pod, container):
    """What a container is given, as `secret/key`."""
    mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
    for volume in pod.get("volumes", []):
        if volume["name"] in mounted and "secret" in volume:
            keys = [item["key"] for item in volume["secret"].get("items", [{"key": "*"}])]
            yield from (f"{volume['secret']['secretName']}/{key}" for key in keys)
    for variable in container.get("env", []):
        if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
            yield f"{reference['name']}/{reference['key']}"
    for source in container.get("envFrom", []):
        yield f"{source['secretRef']['name']}/*"


def breaches(documents):
    """What is against the rules of this house; nothing where all is well."""
    found = []
    for part, pod in pods(documents):
        if pod.get("automountServiceAccountToken") is not False:
            found.append(f"{part}: has a token for the cluster")
        if pod.get("enableServiceLinks") is not False:
            found.append(f"{part}: is told of every service")
        if any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
            found.append(f"{part}: shares what is the node's")
        if any("hostPath" in volume for volume in pod["volumes"]):
            found.append(f"{part}: mounts a folder of the node")
    for part, pod, container in containers(documents):
        name = f"{part}/{container['name']}"
        rights = {**pod["securityContext"], **container["securityContext"]}
        found += [f"{name}: {each}" for each in _of_rights(container["name"], rights)]
        if set(secrets(pod, container)) != SECRETS[part, container["name"]]:
            found.append(f"{name}: is given other secrets")
        if "memory" not in container.get("resources", {}).get("limits", {}):
            found.append(f"{name}: may take all memory")
    return found


def _of_rights(name, rights):
    if not rights.get("readOnlyRootFilesystem"):
        yield "may write to its image"
    if rights["capabilities"].get("drop") != ["ALL"]:
        yield "keeps capabilities"
    if rights.get("privileged"):
        yield "is privileged"
    if name in ROOT_CONTAINERS:
        return
    if not rights.get("runAsNonRoot") or not rights.get("runAsUser"):
        yield "may be root"
    if "add" in rights["capabilities"]:
        yield "has capabilities"
    if rights.get("allowPrivilegeEscalation") is not False:
        yield "may gain rights"
    if rights.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "may call all of the kernel"


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("document", EVERYTHING, ids=name_of)
def test_each_document_has_the_form_that_is_asked_for(document, version):
    check_form(document, version)


def test_the_page_says_which_versions_were_checked():
    newest = ".".join(kubernetes_validate.latest_version().split(".")[:2])
    assert f"{OLDEST} and {newest}" in PAGE


@pytest.mark.parametrize(
    ("kind", "name", "path", "key", "value"),
    [
        ("Deployment", "web", "spec template spec containers 0", "imagePullPolice", "Always"),
        ("Deployment", "web", "spec template spec containers 0 securityContext", "user", 1),
        ("Deployment", "runner-cpu", "spec template spec", "terminationGracePeriodSeconds", "10m"),
        ("Deployment", "runner-cpu", "spec template spec initContainers 0", "restartpolicy", "x"),
        ("StatefulSet", "database", "spec", "serviceNames", "database"),
        ("NetworkPolicy", "database", "spec", "ingres", []),
        ("Ingress", "web", "spec rules 0 http paths 0", "pathTypes", "Prefix"),
        ("PodDisruptionBudget", "proxy", "spec", "maxUnavailables", 1),
        ("ScaledObject", "runner-cpu", "spec", "maxReplicas", 10),
        ("ScaledObject", "runner-cpu", "spec triggers 0 metadata", "value", 2),
        ("TriggerAuthentication", "queue-length", "spec secretTargetRef 0", "secret", "scaler"),
    ],
)
def test_what_is_misspelt_is_refused(kind, name, path, key, value):
    wrong = copy.deepcopy(find(kind, name))
    inner = wrong
    for step in path.split():
        inner = inner[int(step) if step.isdigit() else step]
    inner[key] = value
    with pytest.raises(jsonschema.ValidationError):
        check_form(wrong, kubernetes_validate.latest_version())


def test_each_file_is_applied():
    files = {path.name for path in FOLDER.iterdir()}
    assert files == {"kustomization.yaml", *KUSTOMIZATION["resources"], *ON_THEIR_OWN}
    for file in ON_THEIR_OWN:
        assert f"ops/kubernetes/{file}" in PAGE


def test_the_rules_of_the_house_are_kept():
    assert breaches(DOCUMENTS) == []
    assert set(SECRETS) == {(part, container["name"]) for part, _pod, container in containers()}


def set_token(pod, _container):
    del pod["automountServiceAccountToken"]


def mount_node(pod, _container):
    pod["volumes"].append({"name": "node", "hostPath": {"path": "/"}})


def mount_password(pod, container):
    pod["volumes"].append({"name": "more", "secret": {"secretName": "control"}})
    container["volumeMounts"].append({"name": "more", "mountPath": "/more"})


def name_password(_pod, container):
    reference = {"name": "database", "key": "password"}
    container["env"].append({"name": "PASSWORD", "valueFrom": {"secretKeyRef": reference}})


def add_rights(_pod, container):
    container["securityContext"]["capabilities"]["add"] = ["SYS_ADMIN"]


def be_root(pod, container):
    pod["securityContext"]["runAsUser"] = container["securityContext"]["runAsUser"] = 0


def write(_pod, container):
    del container["securityContext"]["readOnlyRootFilesystem"]


def be_privileged(_pod, container):
    container["securityContext"]["privileged"] = True


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_token, "has a token for the cluster"),
        (mount_node, "mounts a folder of the node"),
        (mount_password, "is given other secrets"),
        (name_password, "is given other secrets"),
        (add_rights, "has capabilities"),
        (be_root, "may be root"),
        (write, "may write to its image"),
        (be_privileged, "is privileged"),
    ],
)
@pytest.mark.parametrize("part", ["web", "runner-cpu"])
def test_what_is_against_the_rules_is_seen(part, change, said):
    documents = copy.deepcopy(DOCUMENTS)
    pod = dict(pods(documents))[part]
    change(pod, pod["containers"][0])
    (breach,) = breaches(documents)
    assert breach.startswith(part)
    assert breach.endswith(said)


def test_each_secret_is_made_by_the_command_for_keys(tmp_path):
    make_keys(tmp_path, broker="b:5672", database="d:5432/x")
    made = {f"{path.parent.name}/{path.name}" for path in tmp_path.rglob("*") if path.is_file()}
    (parts,) = re.findall(r"for part in ([a-z ]+);", PAGE)
    described = {*parts.split(), *re.findall(r"--from-file=keys/([a-z-]+)", PAGE)}
    for given in set().union(*SECRETS.values()):
        name, key = given.split("/")
        if name in MADE_BY_HAND:
            assert f"generic {name} " in PAGE
        else:
            assert given in made or (key == "*" and any(f.startswith(f"{name}/") for f in made))
            assert name in described


def test_the_engine_has_the_rights_that_it_has_in_compose_and_no_other():
    (rights,) = (c["securityContext"] for _p, _s, c in containers() if c["name"] == "engine")
    assert rights["capabilities"]["add"] == COMPOSE["engine"]["cap_add"]


def test_the_engine_lasts_longer_than_the_runner_and_shares_its_folders():
    pod = dict(pods())["runner-cpu"]
    engine, loader = pod["initContainers"]
    (runner,) = pod["containers"]
    assert engine["restartPolicy"] == "Always"
    assert "restartPolicy" not in loader
    assert pod["shareProcessNamespace"]
    folders = [{m["name"]: m["mountPath"] for m in c["volumeMounts"]} for c in (engine, runner)]
    assert folders[0]["channels"] == folders[1]["channels"] == "/channels"
    assert {"name": "TMPDIR", "value": "/channels"} in runner["env"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["channels"]["emptyDir"]["medium"] == "Memory"


def test_runners_stand_on_nodes_of_their_own():
    assert dict(pods())["runner-cpu"]["nodeSelector"] == {"onebyone/runner": "cpu"}
    assert "onebyone/runner=cpu:NoSchedule" in PAGE


def test_images_are_those_of_compose():
    used = {container["image"] for _part, _pod, container in containers()}
    assert used <= {service["image"] for service in COMPOSE.values()}
    assert {image["name"] for image in KUSTOMIZATION["images"]} == {
        image for image in used if image.startswith("onebyone-")
    }


def test_each_variable_is_a_setting_with_a_value_that_is_accepted():
    secret = {f"{setting.variable}_FILE" for setting in SETTINGS if setting.secret}
    for part, _pod, container in containers():
        given = {each["name"]: each.get("value", "x") for each in container.get("env", [])}
        if part == "proxy":
            assert all(f"${name}" in CADDYFILE for name in given)
        elif container["image"] == "onebyone-service":
            read_settings({name: text for name, text in given.items() if name not in secret})
        else:
            assert not any(name.startswith("ONEBYONE_") for name in given)


def test_commands_are_understood():
    said = 0
    for _part, _pod, container in containers():
        if container["image"] in ("onebyone-service", "onebyone-runner"):
            _parser().parse_args(container["args"])
            said += 1
    for words in re.findall(r"(?:^ *|-- )grader ([^\n`]+)$", PAGE, re.MULTILINE):
        _parser().parse_args(shlex.split(words))
        said += 1
    assert said > len(dict(pods()))


def test_what_a_runner_accepts_is_a_finding_that_the_page_explains():
    runner = dict(pods())["runner-cpu"]["containers"][0]
    (code,) = _parser().parse_args(runner["args"]).accept
    assert code in CODES
    assert f"`{code}`" in PAGE


def test_files_that_variables_name_are_mounted():
    for _part, pod, container in containers():
        given = {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", [])}
        files = {}
        for volume in pod["volumes"]:
            if volume["name"] in given and "secret" in volume:
                items = volume["secret"].get("items")
                files[given[volume["name"]]] = items and {item["path"] for item in items}
        for variable in container.get("env", []):
            if variable["name"].endswith("_FILE"):
                folder, _, name = variable["value"].rpartition("/")
                assert files[folder] is None or name in files[folder]


def test_the_broker_is_set_up_as_in_compose():
    said = find("ConfigMap", "broker")["data"]["onebyone.conf"]
    assert said == (ROOT / "ops" / "rabbitmq" / "onebyone.conf").read_text()


def test_each_address_is_that_of_a_service_with_pods_behind_it():
    ports = {}
    for service in (each for each in DOCUMENTS if each["kind"] == "Service"):
        name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
        assert service["spec"]["selector"] == {"app": name}
        (pod,) = (pod for part, pod in pods() if part == name)
        open_ports = {p["containerPort"] for c in pod["containers"] for p in c["ports"]}
        ports[f"{name}.{namespace}.svc"] = {p["port"] for p in service["spec"]["ports"]}
        assert ports[f"{name}.{namespace}.svc"] == open_ports
    text = "\n".join(path.read_text() for path in FOLDER.iterdir()) + PAGE
    addresses = re.findall(r"\b([a-z-]+\.onebyone[a-z-]*\.svc)\b:?(\d*)", text)
    assert len({name for name, _port in addresses}) > 2
    assert all(not port or int(port) in ports[name] for name, port in addresses)
    assert "reverse_proxy web:8000" in CADDYFILE


def ends(policy, direction):
    """Who is let through by a policy, with the port."""
    for rule in policy["spec"].get(direction, []):
        for end in rule["to" if direction == "egress" else "from"]:
            labels = end.get("podSelector", {})
            names = list(labels.get("matchLabels", {}).values())
            names += [v for each in labels.get("matchExpressions", []) for v in each["values"]]
            space = end.get("namespaceSelector", {}).get("matchLabels", {})
            names = names or ["*"]
            yield from (
                ("/".join([*space.values(), name]), port["port"])
                for name in names
                for port in rule["ports"]
            )


@pytest.mark.parametrize("namespace", ["onebyone", "onebyone-runners"])
def test_nothing_is_let_through_that_is_not_listed(namespace):
    assert find("NetworkPolicy", "nothing", namespace=namespace)["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


def test_runners_reach_the_broker_and_the_files_of_their_jobs_and_names():
    policies = [
        each
        for each in DOCUMENTS
        if each["kind"] == "NetworkPolicy" and each["metadata"]["namespace"] == "onebyone-runners"
    ]
    assert {end for each in policies for end in ends(each, "egress")} == {
        ("onebyone/broker", 5672),
        ("onebyone/proxy", 8081),
        ("kube-system/kube-dns", 53),
    }
    assert not [end for each in policies for end in ends(each, "ingress")]
    runner = "onebyone-runners/runner-cpu"
    assert (runner, 5672) in ends(find("NetworkPolicy", "broker"), "ingress")
    assert (runner, 8081) in ends(find("NetworkPolicy", "proxy"), "ingress")


def test_the_database_answers_those_who_have_its_password():
    addresses = {"control/database_url", "control/*"}
    own = {part for (part, _container), given in SECRETS.items() if given & addresses}
    reached = set(ends(find("NetworkPolicy", "database"), "ingress"))
    assert reached == {(part, 5432) for part in own}


def test_the_world_does_not_reach_what_is_inside():
    paths = find("Ingress", "web")["spec"]["rules"][0]["http"]["paths"]
    to = {path["path"]: path["backend"]["service"] for path in paths}
    hidden = {"name": "proxy", "port": {"name": "public"}}
    assert to == {
        "/": {"name": "web", "port": {"name": "http"}},
        "/metrics": hidden,
        "/runner": hidden,
    }
    assert "@inside path /metrics /runner/*\n" in CADDYFILE


def test_as_many_runners_are_started_as_the_window_feeds():
    scaled = find("ScaledObject", "runner-cpu")
    (trigger,) = scaled["spec"]["triggers"]
    assert trigger["metadata"]["queueName"] == queue_name("cpu")
    target = find("Deployment", scaled["spec"]["scaleTargetRef"]["name"])
    assert target["metadata"]["namespace"] == scaled["metadata"]["namespace"]
    assert "replicas" not in target["spec"]
    find("TriggerAuthentication", trigger["authenticationRef"]["name"])
    relay = dict(pods())["relay"]["containers"][0]
    window = int(next(e["value"] for e in relay["env"] if e["name"] == "ONEBYONE_BROKER_WINDOW"))
    assert window == scaled["spec"]["maxReplicaCount"] * int(trigger["metadata"]["value"])
