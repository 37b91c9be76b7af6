"""Removing data streams by Elasticsearch.

Requests: remove_stream 2; where the server deletes no data streams, 3 and 2 for each backing index.
"""

from collections.abc import Sequence

from chalicelib.core.errors import Refused, Retryable, Unsupported
from chalicelib.core.model import IndexRef
from chalicelib.core.streams import StreamRef
from chalicelib.engines.elasticsearch_answers import Question
from chalicelib.engines.elasticsearch_in_place import ElasticsearchInPlace
from chalicelib.engines.elasticsearch_read import known, part
from chalicelib.engines.elasticsearch_restore import READY

MEMBERS = (
    *READY,
    "metadata.data_stream.data_stream.*.indices",
    "metadata.data_stream.data_stream.*.failure_indices",
)
AT_ONCE = 5
"""Backing indices that are removed one by one."""


class ElasticsearchStreams(ElasticsearchInPlace):
    """The whole of the `Restorer` port of one target."""

    def remove_stream(self, stream: StreamRef) -> None:
        question = self._question("remove", index=stream.name)
        ours, members = {index.name: index for index in stream.indices}, self._members(stream.name)
        if foreign := [name for name, uuid in members.items() if name not in ours or ours[name].uuid != uuid]:
            raise Refused(f"{question}: it has {foreign[0]}, which the restore did not make: it is left as it is")
        left = [index for index in stream.indices if index.name not in members]
        if members and not self._deleted(question):
            left += [ours[name] for name in members]  # the newest, which goes only with its stream, comes last
        self._each(question, left)

    def _members(self, stream: str) -> dict[str, str]:
        """Uuids by name, the oldest first; none when there is no such stream."""
        state = self._state((stream,), ("metadata", "blocks"), MEMBERS)
        known(state)
        held = dict(part(part(state, "metadata"), "data_stream").items("data_stream"))
        if stream not in held:
            return {}
        rows = (
            row
            for key in ("failure_indices", "indices")
            if key in held[stream].value
            for row in held[stream].bodies(key)
        )
        return {row.text("index_name"): row.text("index_uuid") for row in rows}

    def _deleted(self, question: Question) -> bool:
        """False: the server does not know how."""
        try:
            body = self._connection.ask(
                question,
                lambda client: client.indices.delete_data_stream(name=question.index, master_timeout=self._patience),
            )
        except Unsupported:
            return False
        if body is not None and not body.flag("acknowledged"):
            raise Retryable(f"{question}: not every node has taken it over in time")
        return True

    def _each(self, question: Question, indices: Sequence[IndexRef]) -> None:
        for index in indices[:AT_ONCE]:
            self.remove(index)
        if more := indices[AT_ONCE:]:
            raise Retryable(f"{question}: {len(more)} more of its backing indices are to be removed")
