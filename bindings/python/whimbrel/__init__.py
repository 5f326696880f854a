"""whimbrel: train one model on machines that come and go.

import whimbrel
import whimbrel.torch

with whimbrel.Group(invite) as group:
    group.join().wait()
    whimbrel.torch.DiLoCo(model, optimizer, group, sync_every=20)
    ...  # the training loop, unchanged
"""

from whimbrel import errors, native
from whimbrel._core import digest, log_filter, version
from whimbrel.backup_workers import BackupWorkers
from whimbrel.coordinator import Coordinator
from whimbrel.errors import *  # noqa: F403  (one class for each result code)
from whimbrel.errors import Error
from whimbrel.feedback import ErrorFeedback
from whimbrel.group import Group
from whimbrel.native import include_dir
from whimbrel.values import (
    Commit,
    ContributorRun,
    ContributorSet,
    Event,
    EventKind,
    Gossip,
    GroupInfo,
    Link,
    Member,
    Mix,
    OpInfo,
    Record,
    Round,
    View,
    Vote,
)
from whimbrel.work import Work

__version__ = version()
__all__ = [
    "BackupWorkers",
    "Commit",
    "ContributorRun",
    "ContributorSet",
    "Coordinator",
    "Error",
    "ErrorFeedback",
    "Event",
    "EventKind",
    "Gossip",
    "Group",
    "GroupInfo",
    "Link",
    "Member",
    "Mix",
    "OpInfo",
    "Record",
    "Round",
    "View",
    "Vote",
    "Work",
    "digest",
    "errors",
    "include_dir",
    "log_filter",
    "native",
    "version",
]
__all__ += errors.__all__
