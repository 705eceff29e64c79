"""2.7.1 — Documentation is a claim, too: its examples can be run, and compared by value.

Question
--------
Look up the documentation of a function or a class of torch.  Is it on the website, too?
<https://zh.d2l.ai/chapter_preliminaries/lookup-api.html>

Answer
------
`help(torch.ones)`, or `torch.ones?` in a notebook, shows the docstring, `torch.ones.__doc__`:

    ones(*size, *, out=None, dtype=None, …) -> Tensor
    Returns a tensor filled with the scalar value `1`, …

It is on the website, too, which is made from the docstrings: look for `torch.ones` among the
names of `torch` on <https://docs.pytorch.org>, in your own version (`torch.__version__`).

Then try it.  `torch.ones(4)` gives four ones, and the docstring's examples hold.

Why
---
A docstring is text, written by hand: nothing makes it true.  But an example says what comes in
(`>>>`) and what comes out, so a program can run the one and compare it with the other.  Compare
values, not spelling: `tensor([ 1.,  1.])` is right where torch prints `tensor([1., 1.])`.

In practice
-----------
`dir(module)` also lists what the module itself uses; `module.__all__` is what it offers.

Hints
-----
1. Which attribute of a function does `help` print?
2. The module `doctest` finds examples in a text.
3. `tensor([ 1.,  1.])` is valid Python, if `tensor` is `torch.tensor`.
"""

import doctest
import pydoc
from types import ModuleType

import pytest
import torch


def public_names(module):
    """The names that a module offers, sorted: its `__all__`, or those without a leading `_`."""
    names = [name for name in dir(module) if not name.startswith("_")]
    return sorted(getattr(module, "__all__", names))


def examples(thing):
    """The examples in the docstring of a function or class: a list of pairs (source, printed).

    Both are texts: `source` the code without `>>>`, and `printed` what is shown below it, "" if
    nothing; neither begins or ends with a blank.
    """
    found = doctest.DocTestParser().get_examples(thing.__doc__ or "")
    return [(example.source.strip(), example.want.strip()) for example in found]


def examples_hold(thing):
    """Whether torch gives each value that the docstring's examples show, to the digits shown.

    None if nothing can be compared: no value is shown, or random numbers are drawn.
    """
    found, names, verdicts = examples(thing), {"torch": torch, "tensor": torch.tensor}, []
    if any("rand" in source for source, _ in found):
        return None
    for source, printed in found:
        if printed:
            verdicts.append(_agree(eval(source, names), eval(printed, names)))
        else:
            exec(source, names)
    return all(verdicts) if verdicts else None


def _agree(value, shown):
    if not torch.is_tensor(shown):
        return value == shown
    # Four decimals are printed, or five digits
    near = value.shape == shown.shape
    return near and torch.allclose(value.double(), shown.double(), atol=5.1e-5)


def _documented(*lines):
    """A function with these lines for a docstring."""

    def function():
        raise AssertionError("the examples are to be run, not the function")

    function.__doc__ = "\n".join(["Some function.", "", *(f"    {line}" for line in lines)])
    return function


def test_the_documentation_of_ones_is_its_docstring_and_holds():
    """`help(torch.ones)` shows its docstring; its examples, `torch.ones(2, 3)` first, hold."""
    shown = pydoc.render_doc(torch.ones, renderer=pydoc.plaintext)

    assert "Returns a tensor filled with the scalar value `1`" in shown
    source, printed = examples(torch.ones)[0]
    assert source == "torch.ones(2, 3)"
    assert printed.startswith("tensor([[")
    assert examples_hold(torch.ones) is True
    assert torch.ones(4).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("name", ["zeros", "arange", "eye", "linspace", "gcd"])
def test_the_examples_of_other_functions_hold(name):
    """The examples in the docstrings of zeros, arange, eye, linspace and gcd hold."""
    assert examples_hold(getattr(torch, name)) is True


def test_examples_are_pairs_of_code_and_output():
    """Code without output is paired with "", and an output keeps its lines."""
    lines = ">>> a = torch.ones(2, 1)", ">>> a + 1", "tensor([[2.],", "        [2.]])"

    function = _documented(*lines)

    assert [tuple(pair) for pair in examples(function)] == [
        ("a = torch.ones(2, 1)", ""),
        ("a + 1", "tensor([[2.],\n        [2.]])"),
    ]
    assert examples_hold(function) is True


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("torch.arange(3)", "tensor([1, 2, 3])"),
        ("torch.tensor([1 / 3])", "tensor([0.3334])"),
        ("torch.ones(2, 2)", "tensor([1., 1.])"),
        ("torch.ones(2).sum().item()", "3.0"),
        ("torch.ones(2) > 2", "tensor([True, False])"),
    ],
)
def test_a_wrong_example_is_caught(source, printed):
    """A wrong entry, last digit, shape, number or truth value fails, after a right one, too."""
    right = ">>> torch.ones(2).sum().item()", "2."

    assert examples_hold(_documented(*right)) is True
    assert examples_hold(_documented(*right, f">>> {source}", printed)) is False
    assert examples_hold(_documented(f">>> {source}", printed, *right)) is False


@pytest.mark.misconception("an example holds only if it is printed letter by letter")
@pytest.mark.parametrize(
    ("source", "printed"),
    [("torch.ones(2)", "tensor([ 1.,  1.])"), ("torch.tensor([1 / 3])", "tensor([ 0.3333])")],
)
def test_values_are_compared_and_not_their_spelling(source, printed):
    """`tensor([ 1.,  1.])` is what `torch.ones(2)` gives, though it prints no spaces there."""
    assert repr(eval(source)) != printed
    assert examples_hold(_documented(f">>> {source}", printed)) is True


@pytest.mark.misconception("an example that can't be checked is a right one")
def test_nothing_to_compare_is_neither_true_nor_false():
    """Without docstring, example or output, and with random numbers, the verdict is None."""
    bare = _documented()
    bare.__doc__ = None
    drawn = _documented(">>> a = torch.rand(2)", ">>> a", "tensor([0.6789, 0.1234])")

    for function in (bare, _documented("No example."), _documented(">>> a = 1"), drawn):
        assert examples_hold(function) is None
    assert examples(bare) == []


def test_public_names_are_those_of_all():
    """`torch` offers ones; a module with `__all__` offers these, sorted, and nothing else."""
    module = ModuleType("module")
    module.second, module.first, module.helper = 2, 1, 0
    module._hidden = 3

    assert public_names(module) == ["first", "helper", "second"]
    module.__all__ = ["second", "first"]
    assert public_names(module) == ["first", "second"]
    assert {"ones", "linspace", "Tensor"} <= set(public_names(torch))


@pytest.mark.misconception("dir(module) is the list of what one may use")
def test_dir_lists_also_what_a_module_uses_itself():
    """`dir(torch.distributions)` has the class Normal and, beside it, its file, `normal`."""
    listed, offered = dir(torch.distributions), public_names(torch.distributions)

    assert set(offered) < set(listed)
    assert "Normal" in offered
    assert isinstance(torch.distributions.normal, ModuleType)
    assert "normal" not in offered
