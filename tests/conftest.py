import pytest

# What runs only if it is asked for: mark, option, why.
ON_REQUEST = (
    ("soak", "--soak", "run the tests marked soak, too: they take minutes"),
    (
        "image",
        "--image",
        "run the tests marked image and no others: they build and boot the image, in an hour",
    ),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    for _, option, text in ON_REQUEST:
        parser.addoption(option, action="store_true", help=text)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if _left_out(config, item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _left_out(config: pytest.Config, item: pytest.Item) -> bool:
    if config.getoption("--image") and item.get_closest_marker("image") is None:
        return True
    return any(
        item.get_closest_marker(mark) and not config.getoption(option) for mark, option, _ in ON_REQUEST
    )
