import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsed.config.scan import given_twice, line_of, places

TEXT = '''\
top = 1 # [not.a.table]
[mqtt] # host = 2
host = "a # b = [" # c

text = """
port = 1
[evse]
"""
list = [ # first
  "x = 1", # ]
  ['y', "]"], ["nested"],
  ["alone"],
]
"quoted" . 'part' = { inner = 1, more = [2] }
  port=5

[ evse . deep ]
  'id' = \'\'\'
[core]\'\'\'
[[many]]
a = 1
[[many]]
b = 2
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 1),
        (("mqtt",), 2),
        (("mqtt", "host"), 3),
        (("mqtt", "text"), 5),
        (("mqtt", "list"), 9),
        (("mqtt", "quoted", "part"), 14),
        (("mqtt", "quoted"), 14),
        (("mqtt", "quoted", "part", "inner"), 14),
        (("mqtt", "port"), 15),
        (("evse",), 17),
        (("evse", "deep", "id"), 18),
        (("many", "b"), 23),
        (("mqtt", "nowhere"), 2),
        (("nowhere",), 1),
    ],
)
def test_each_key_is_found_on_its_line(path, line):
    assert line_of(places(TEXT), path) == line


def test_comments_strings_and_arrays_hold_no_keys_and_nothing_is_given_twice():
    found = places(TEXT)
    assert len(found) == 13
    assert given_twice(found) == []


def test_a_key_given_twice_is_found_with_its_first_line():
    ((place, first_line),) = given_twice(places("[a]\nb = 1\n[c]\nb = 1\nb = 2\n"))
    assert (place.path, place.line, first_line) == (("c", "b"), 5, 4)


@given(st.text(alphabet="ab.=[]{}\"'#\n 1", max_size=60))
def test_whatever_is_toml_has_all_its_keys_found(text):
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        places(text)
        return
    assert {place.path[0] for place in places(text)} == set(document)
