"""What a gateway process holds, opened in the lifespan and handed to the routes as one typed value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from starlette.requests import HTTPConnection

from reverie.aio.batcher import Batcher
from reverie.gateway.auth import Auth
from reverie.gateway.background.log_rewriter import LogRewriter
from reverie.gateway.push.event_frames import EventFrames
from reverie.gateway.push.hub import Hub
from reverie.gateway.submissions.body_parser import BodyParser
from reverie.gateway.submissions.cloud_policy import CloudPolicies
from reverie.gateway.submissions.duration_estimate import DurationEstimator
from reverie.gateway.submissions.group_commit import GroupCommit
from reverie.gateway.submissions.kept_precision import KeptPrecision
from reverie.gateway.submissions.result_cache import ResultCache
from reverie.queue import Dispatcher
from reverie.settings import Settings
from reverie.store import GatewayStore, TaskRow
from reverie.store.view_store import ViewStore

if TYPE_CHECKING:
    from reverie.gateway.background.metrics import Metrics
    from reverie.gateway.background.sweeper import Sweeper
    from reverie.gateway.memories.add import Memories
    from reverie.gateway.push.webhooks import WebhookSender
    from reverie.gateway.submissions.admission import Admission
    from reverie.gateway.views.current import CurrentViews
    from reverie.gateway.views.for_context import ContextViews
    from reverie.gateway.views.plan import UpkeepPlanner

__all__ = ["State", "state_of"]


@dataclass(slots=True)
class State:
    """The gateway's resources."""

    settings: Settings
    store: GatewayStore
    auth: Auth
    hub: Hub
    event_frames: EventFrames
    log_rewriter: LogRewriter
    group_commit: GroupCommit
    result_cache: ResultCache
    dispatcher: Dispatcher
    durations: DurationEstimator
    cloud_policies: CloudPolicies
    #: What vectors are computed in.
    precision: KeptPrecision
    admission: Admission
    sweeper: Sweeper
    metrics: Metrics
    parser: BodyParser
    webhooks: WebhookSender
    #: Looks for stored results of the same content, many in one query.
    stored_answers: Batcher[tuple[str, bytes], tuple[TaskRow, bytes] | None]
    #: Whether content is in flight or done.
    in_flight_or_done: Batcher[tuple[str, bytes], bool]
    memories: Memories
    view_store: ViewStore
    #: Users' current themes and insights.
    views: CurrentViews
    #: The parts of views that contexts tell.
    context_views: ContextViews
    planner: UpkeepPlanner
    #: Whether spans are sent somewhere.
    tracing: bool = False


def state_of(connection: HTTPConnection) -> State:
    """The state of the application that serves this connection."""
    return cast(State, connection.app.state.reverie)
