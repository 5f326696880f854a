"""The exception tree and the stubs that describe it: made from the same list as the C API's codes."""

import ast
import importlib.util
from pathlib import Path

import pytest
import whimbrel
from conftest import WAIT_S, begin
from whimbrel import _coordinator, _core, errors

PACKAGE = Path(__file__).resolve().parents[2] / "bindings/python"


def error_codes():
    return [row for row in _core.status_list() if row[1] < 0]


@pytest.mark.parametrize(("status", "value", "retryable", "text"), error_codes())
def test_each_error_code_has_its_class(status, value, retryable, text):
    cls = getattr(whimbrel, errors.class_name(status))
    error = errors.make_error(value, "why")
    assert type(error) is cls
    assert (error.status, error.value, error.retryable, error.detail) == (status, value, retryable, "why")
    assert str(error) == "why"
    assert cls.__doc__.lower().startswith(text.lower())


def test_without_a_detail_an_error_says_what_its_code_means():
    error = errors.make_error(errors.Interrupted.value, "")
    assert str(error) == "the wait was interrupted; the op runs on"


def test_ranges_are_base_classes():
    assert issubclass(errors.TagInUse, errors.UsageError)
    assert issubclass(errors.NoMemory, errors.MachineError)
    assert issubclass(errors.Unreachable, errors.LinkError)
    assert issubclass(errors.TooFew, errors.ViewError)
    assert issubclass(errors.Evicted, errors.MembershipError)
    assert issubclass(errors.NonFinite, errors.DataError)
    assert issubclass(errors.Internal, errors.BugError)
    assert all(issubclass(getattr(errors, name), errors.Error) for name in errors.__all__)


def test_retryable():
    assert errors.Evicted("x").retryable
    assert not errors.Mismatch("x").retryable


def test_the_peer_is_who_is_at_fault_or_nobody():
    assert errors.SourceLost("op r1/t7: eu-2 (3f9a01bc#4) is gone").peer == "3f9a01bc#4"
    assert errors.SourceLost("nobody holds the run's state").peer is None
    assert errors.SourceLost("00000000#1 (3f9a01bc#4) is gone").peer is None, "a name that looks like a member"
    assert errors.Mismatch("eu-2 (3f9a01bc#4) called it with f32, eu-3 (8f9a01bc#5) with f64").peer is None
    assert errors.Evicted("its process is gone: its port refuses 7b9a220f#2").peer is None
    assert errors.Error("3f9a01bc#4").peer is None


def test_the_source_that_is_lost_is_named(make_group):
    groups = [make_group(f"peer-{n}") for n in range(2)]
    begin(groups)
    source = groups[0].view().members[1]
    work = groups[0].broadcast(bytearray(8), 1)
    groups[1].close()
    with pytest.raises(errors.SourceLost) as caught:
        work.wait(WAIT_S)
    assert caught.value.peer == f"{source.id[:8]}#{source.incarnation}"


def test_a_code_of_a_newer_library_is_a_bug_error():
    assert type(errors.make_error(-12345, "new")) is errors.BugError


def test_calls_raise_with_the_detail():
    with pytest.raises(errors.Invalid) as caught:
        whimbrel.Group()
    assert caught.value.status == "E_INVALID"
    assert caught.value.detail
    with pytest.raises(errors.Invalid):
        whimbrel.log_filter("no-such-level")


def test_error_stubs_are_current():
    spec = importlib.util.spec_from_file_location("make_error_stubs", PACKAGE / "scripts/make_error_stubs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (PACKAGE / "whimbrel/errors.pyi").read_text()
    assert text == module.stubs()
    exported = [ast.literal_eval(node.value) for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    assert exported == [errors.__all__]


@pytest.mark.parametrize(("module", "stub"), [(_core, "_core.pyi"), (_coordinator, "_coordinator.pyi")])
def test_extension_stubs_name_what_is_there(module, stub):
    tree = ast.parse((PACKAGE / "whimbrel" / stub).read_text())
    declared = {node.name: node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    assert set(declared) == {name for name in vars(module) if not name.startswith("_")}
    for name, node in declared.items():
        if isinstance(node, ast.ClassDef):
            methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
            present = {m for m in vars(getattr(module, name)) if not m.startswith("_")}
            assert {m for m in methods if not m.startswith("_")} == present, name


def test_the_version_is_the_librarys(capsys):
    assert whimbrel.__version__ == whimbrel.version()
    assert (PACKAGE / "whimbrel/py.typed").exists()
