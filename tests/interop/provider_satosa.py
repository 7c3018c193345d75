"""SATOSA's SAML frontend: the files of its documentation, gunicorn to serve it, and a backend that knows one person."""

import json
from collections.abc import Mapping, Sequence

from tests.interop.instance import Instance
from tests.interop.peer import HERE, VENV

PROGRAMS = HERE / "providers"
PATHS = f"{HERE / 'localhost'}:{PROGRAMS}"
FRONTEND = "Saml2IDP"
# What a flow's name says of the backend: pysaml2's identity provider, or somebody who knows one person
CHAIN = "in front of pysaml2"
ALONE: Mapping[str, object] = {"module": "satosa_backend.OnePerson", "name": "person", "config": {}}
METADATA = f"/{FRONTEND}/proxy.xml"
# SATOSA's internal names, and what pysaml2's table of attributes calls them
ATTRIBUTES = {
    "surname": "sn",
    "givenname": "givenName",
    "birthdate": "schacDateOfBirth",
    "identifier": "schacPersonalUniqueID",
    "mail": "mail",
    "locality": "l",
    "country": "c",
}


def command(instance: Instance) -> tuple[Sequence[str], Mapping[str, str]]:
    """Its four files, JSON being YAML, and the server that its page on installation names."""
    files = {
        "proxy_conf.yaml": _proxy(instance),
        "internal_attributes.yaml": {
            "attributes": {name: {"saml": [wire]} for name, wire in ATTRIBUTES.items()},
            "user_id_from_attrs": ["identifier"],
            "user_id_to_attr": "identifier",
        },
        "frontend.yaml": _frontend(instance),
        "backend.yaml": _backend(instance) if CHAIN in instance.flow.name else ALONE,
    }
    for name, content in files.items():
        (instance.folder / name).write_text(json.dumps(content), encoding="utf-8")
    words = [str(VENV / "bin" / "python"), "-m", "gunicorn", "--bind", f"127.0.0.1:{instance.port}", "satosa_app:app"]
    if CHAIN in instance.flow.name:
        words = [str(VENV / "bin" / "python"), str(PROGRAMS / "satosa_chain.py")]
    return words, {
        "BEHIND": instance.behind,
        "PYTHONPATH": PATHS,
        "SATOSA_CONFIG": str(instance.folder / "proxy_conf.yaml"),
        "HOME": str(instance.folder),
    }


def _backend(instance: Instance) -> dict[str, object]:
    """`saml2_backend.yaml.example`, with one identity provider behind it."""
    post, redirect = (f"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-{one}" for one in ("POST", "Redirect"))
    sp = {
        "endpoints": {"assertion_consumer_service": [["<base_url>/<name>/acs/post", post]]},
        "authn_requests_signed": True,
        "want_response_signed": True,
        "allow_unsolicited": False,
        "signing_algorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "digest_algorithm": "http://www.w3.org/2001/04/xmlenc#sha256",
    }
    return {
        "module": "satosa.backends.saml2.SAMLBackend",
        "name": "person",
        "config": {
            "mirror_force_authn": True,
            "send_requester_id": True,
            "sp_config": {
                "key_file": str(instance.key),
                "cert_file": str(instance.certificate),
                "allow_unknown_attributes": True,
                "metadata": {"local": ["behind.xml"]},
                "preferred_binding": {"single_sign_on_service": [redirect]},
                "entityid": "<base_url>/<name>/proxy_saml2_backend.xml",
                "accepted_time_diff": 60,
                "service": {"sp": sp},
            },
        },
    }


def _proxy(instance: Instance) -> dict[str, object]:
    return {
        "BASE": instance.base,
        "COOKIE_STATE_NAME": "SATOSA_STATE",
        "CONTEXT_STATE_DELETE": True,
        "STATE_ENCRYPTION_KEY": "a key of this rig alone, 32 bytes",
        "INTERNAL_ATTRIBUTES": "internal_attributes.yaml",
        "CUSTOM_PLUGIN_MODULE_PATHS": [str(PROGRAMS)],
        "BACKEND_MODULES": ["backend.yaml"],
        "FRONTEND_MODULES": ["frontend.yaml"],
        "MICRO_SERVICES": [],
        "LOGGING": {
            "version": 1,
            "handlers": {"stderr": {"class": "logging.StreamHandler"}},
            "root": {"handlers": ["stderr"]},
        },
    }


def _frontend(instance: Instance) -> dict[str, object]:
    """`saml2_frontend.yaml.example`, with the policy that a flow names."""
    flow = instance.flow.name
    policy = {
        "attribute_restrictions": None,
        "fail_on_missing_requested": False,
        "lifetime": {"minutes": 15},
        "name_form": "urn:oasis:names:tc:SAML:2.0:attrname-format:uri",
        "encrypt_assertion": "encrypted" in flow,
        "sign_response": not flow.startswith("assertion"),
        "sign_assertion": not flow.startswith("response") or "the assertion in it" in flow,
    }
    idp = {
        "endpoints": {"single_sign_on_service": []},
        "name": "Proxy IdP",
        "name_id_format": [
            "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
            "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
        ],
        "signing_algorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "digest_algorithm": "http://www.w3.org/2001/04/xmlenc#sha256",
        "policy": {"default": policy},
    }
    post, redirect = (f"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-{one}" for one in ("POST", "Redirect"))
    return {
        "module": "satosa.frontends.saml2.SAMLFrontend",
        "name": FRONTEND,
        "config": {
            "entityid_endpoint": True,
            "idp_config": {
                "key_file": str(instance.key),
                "cert_file": str(instance.certificate),
                "metadata": {"local": [str(instance.broker_metadata)]},
                "entityid": "<base_url>/<name>/proxy.xml",
                "accepted_time_diff": 60,
                "service": {"idp": idp},
            },
            "endpoints": {"single_sign_on_service": {post: "sso/post", redirect: "sso/redirect"}},
        },
    }
