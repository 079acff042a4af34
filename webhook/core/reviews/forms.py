"""Forms: the form and length of each name in a review that Headroom keeps.

Anybody who can reach the port may send a review, and the names in it are kept: in reservations, in the shared object,
in the audit log. The API server validates every object before it asks a validating webhook (`Store.create` and
`Store.Update` in k8s.io/apiserver/pkg/registry/generic/registry: `BeforeCreate`, then `createValidation`), so a review
that breaks these rules does not come from it:

- names and namespaces are those of k8s.io/apimachinery/pkg/util/validation (DNS-1123 subdomains and labels);
- the object's namespace is the request's (`EnsureObjectNamespaceMatchesRequestNamespace`), its uid is one that the API
  server made (`FillObjectMetaSystemFields`), and so is the review's (`CreateAdmissionObjects`);
- the name in a request for a create may differ from the object's: it is the one that the user asked for, and a mutating
  webhook may have changed it since. The name in a request for an update may not differ.

A long user name is not refused, because no authenticator limits its length: it is shortened.
"""

import re
from hashlib import sha256
from typing import NoReturn

from webhook.core.api.types import Pod, PodMeta
from webhook.core.values.notation import quoted

LONGEST_UID = 128  # characters; the API server's have 36
LONGEST_NAME = 253
LONGEST_NAMESPACE = 63
LONGEST_USER = 1024  # characters; a service account's has at most 339
LONGEST_WORD = 63  # a kind, a resource, a subresource, an operation

_UID = rf"[!-~]{{1,{LONGEST_UID}}}"
_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_PART = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"(?=[^\n]{{1,{LONGEST_NAME}}}(?:\n|\Z)){_PART}(?:\.{_PART})*"
_OTHER_NAME = rf"[^\n]{{0,{LONGEST_NAME}}}"  # of objects that are not pods: any name that can be part of a path
_WORD = rf"[-A-Za-z0-9]{{0,{LONGEST_WORD}}}"
_GROUP = rf"[-a-z0-9.]{{0,{LONGEST_NAME}}}"
_REVISION = r"[^\n]{0,20}"  # the code that needs a number checks that it is one

# One match for all fields, because every review passes here. No part matches the newline between two fields.
_ASKED = {
    "uid": _UID,
    "namespace": f"(?:{_LABEL})?",
    "name": f"(?:{_SUBDOMAIN})?",
    "operation": _WORD,
    "kind.group": _GROUP,
    "kind.kind": _WORD,
    "resource.group": _GROUP,
    "resource.resource": _WORD,
    "subResource": _WORD,
}
_NAMED = {"name": _OTHER_NAME}  # of an object that is not a pod
_OF_POD = {
    "metadata.name": f"(?:{_SUBDOMAIN})?",
    "metadata.generateName": _OTHER_NAME,
    "metadata.namespace": f"(?:{_LABEL})?",
    "metadata.uid": f"(?:{_UID})?",
    "metadata.resourceVersion": _REVISION,
    "spec.nodeName": f"(?:{_SUBDOMAIN})?",
    "spec.priorityClassName": f"(?:{_SUBDOMAIN})?",
}
_SHOWN = {
    _UID: f"1 to {LONGEST_UID} printable characters of ASCII without spaces",
    _LABEL: f"a DNS label of at most {LONGEST_NAMESPACE} characters",
    _SUBDOMAIN: f"a DNS subdomain of at most {LONGEST_NAME} characters",
    _OTHER_NAME: f"one line of at most {LONGEST_NAME} characters",
    _WORD: f"at most {LONGEST_WORD} letters, digits and dashes",
    _GROUP: f"an API group of at most {LONGEST_NAME} characters",
    _REVISION: "a number of at most 20 digits",
}
_asked_of_pod = re.compile("\n".join(_ASKED.values())).fullmatch
_asked = re.compile("\n".join((_ASKED | _NAMED).values())).fullmatch
_of_pod = re.compile("\n".join(_OF_POD.values())).fullmatch
# Nearly all reviews are about a new pod, and have exactly these words.
_NEW_POD = ("CREATE", "", "Pod", "", "pods", "")
_identified = re.compile("\n".join([*_ASKED.values()][: -len(_NEW_POD)])).fullmatch
_of_new_pod = re.compile(f"{_OTHER_NAME}\n(?:{_UID})?").fullmatch


class FormError(ValueError):
    """A field that no API server writes like this; the message says what an API server would write."""


def check_asked(identity: tuple[str, str, str], words: tuple[str, ...], *, of_pod: bool) -> None:
    """Check the names and words of a request, both tuples together in the order of `_ASKED`; raises `FormError`."""
    if words == _NEW_POD and _identified("\n".join(identity)):
        return
    fields = identity + words
    if not (_asked_of_pod if of_pod else _asked)("\n".join(fields)):
        _refuse(_ASKED if of_pod else _ASKED | _NAMED, fields, "request.")


def check_pod(pod: Pod, namespace: str, name: str, where: str = "object.") -> None:
    """Check those names of a review's pod that Headroom keeps; raises `FormError`.

    `namespace` and `name` are the request's, which are checked already: what is equal to them is valid.
    """
    meta, spec = pod.metadata, pod.spec
    if meta.name == name and meta.namespace == namespace:
        says_more = meta.resource_version or spec.node_name or spec.priority_class_name
        if not says_more and _of_new_pod(f"{meta.generate_name}\n{meta.uid}"):
            return
    fields = (
        meta.name,
        meta.generate_name,
        meta.namespace,
        meta.uid,
        meta.resource_version,
        spec.node_name,
        spec.priority_class_name,
    )
    if not _of_pod("\n".join(fields)):
        _refuse(_OF_POD, fields, where)
    if meta.namespace and meta.namespace != namespace:
        raise FormError(f"{where}metadata.namespace is {quoted(meta.namespace)}, request.namespace {quoted(namespace)}")


def check_same(name: str, new: PodMeta, old: PodMeta) -> None:
    """Check that an update is about one pod; raises `FormError`."""
    for what, one, other in (
        ("object.metadata.name and request.name", new.name, name),
        ("object.metadata.name and oldObject.metadata.name", new.name, old.name),
        ("object.metadata.uid and oldObject.metadata.uid", new.uid, old.uid),
    ):
        if one and other and one != other:
            raise FormError(f"{what} differ: {quoted(one)}, {quoted(other)}")


def usable(user: str) -> str:
    """Return a user's name as it is, or shortened with a digest so that two users still differ."""
    if len(user) <= LONGEST_USER:
        return user
    return f"{user[: LONGEST_USER - 20]}...{sha256(user.encode(errors='replace')).hexdigest()[:16]}"


def _refuse(forms: dict[str, str], fields: tuple[str, ...], where: str) -> NoReturn:
    for (field, form), text in zip(forms.items(), fields, strict=True):
        if not re.fullmatch(form, text):
            bare = form.removeprefix("(?:").removesuffix(")?")
            wanted = _SHOWN.get(form) or _SHOWN[bare]
            raise FormError(f"{where}{field} is {_described(text)}, and not {wanted}")
    raise FormError(f"{where}metadata cannot be read as that of an object")


def _described(text: str) -> str:
    return f"{quoted(text)} ({len(text):,} characters)" if len(text) > LONGEST_WORD else quoted(text)
