"""Usage files are kept in a folder of the test's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from django.conf import LazySettings
from django.test import override_settings


@pytest.fixture(scope="module", autouse=True)
def _folder_of_what_is_shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with override_settings(MEDIA_ROOT=tmp_path_factory.mktemp("media")):
        yield


@pytest.fixture(autouse=True)
def _own_folder(settings: LazySettings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def queue_length(queue: redis.Redis) -> Callable[[], int]:
    return lambda: queue.llen("celery")
