"""Generations of an index in Elasticsearch, the aliases that name them, and the keys that reach them alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pipeline_assets.errors import TransientError
from pipeline_assets.search.elasticsearch_errors import asking, pass_by_absent
from pipeline_assets.search.index import Generations
from pipeline_assets.search.names import building, generation_of, index_name

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

_THERE: Final = "resource_already_exists_exception"


class ElasticsearchGenerations:
    """Generations of the indexes of one engine.

    Parameters
    ----------
    client
        The client, which sends nothing twice by itself (``max_retries=0``).
    """

    def __init__(self, client: Elasticsearch) -> None:
        self._client = client

    def create_index(self, alias: str, body: Mapping[str, Any]) -> None:
        """Create a generation of an index behind its alias, unless there is one.

        Parameters
        ----------
        alias
            Name of the index.
        body
            Its settings and mappings.

        Raises
        ------
        TransientError
            The engine does not answer, or does not make it.
        """
        # An engine that makes indexes by itself makes one, without mapping and alias, of a write to a generation that
        # was deleted. It is passed by, not deleted: another process may have made the index anew meanwhile, and this
        # one would delete that. The next rebuild deletes what is behind no alias.
        index = _following(alias, self.generations(alias))
        with asking("create an index") as refused:
            if self._client.indices.exists_alias(name=alias):
                return
            self._client.indices.create(index=index, aliases={alias: {}}, **body)
        # Another process may have made it between the two.
        if refused and refused[0].error != _THERE:
            raise TransientError(f"the engine does not create the index {alias}: {refused[0]}")

    def aliases(self, beginning: str) -> list[str]:
        """Names of the indexes that begin so, sorted; raises `TransientError`."""
        with asking("list indexes") as refused:
            answer = self._client.indices.get_alias(name=f"{beginning}*").body
        if refused:
            return []
        return sorted({name for index in answer.values() for name in index["aliases"] if name.startswith(beginning)})

    def generations(self, alias: str) -> Generations:
        """Generations of the index behind an alias; raises `TransientError`."""
        with asking("list generations") as refused:
            answer = self._client.indices.get_alias(index=f"{alias}-*").body
        found = {} if refused else answer
        numbers = {index: number for index in found if (number := generation_of(alias, index)) is not None}
        ordered = sorted(numbers, key=lambda index: numbers[index])
        current = next((index for index in ordered if alias in found[index]["aliases"]), "")
        unfinished = tuple(index for index in ordered if building(index) in found[index]["aliases"])
        return Generations(current, tuple(each for each in ordered if each not in (current, *unfinished)), unfinished)

    def begin_generation(self, alias: str, body: Mapping[str, Any]) -> str:
        """Create the next generation of an index, behind `names.building`.

        Parameters
        ----------
        alias
            Name of the index.
        body
            Its settings and mappings.

        Returns
        -------
        str
            Name of the generation.

        Raises
        ------
        TransientError
            The engine does not answer, or does not make it.
        """
        index = _following(alias, self.generations(alias))
        # Nobody searches it until it is built: what is written need not be made searchable every second.
        settings = {**body.get("settings", {}), "refresh_interval": "-1"}
        with asking("create a generation") as refused:
            self._client.indices.create(index=index, aliases={building(index): {}}, **{**body, "settings": settings})
        if refused:
            raise TransientError(f"the engine does not create the index {index}: {refused[0]}")
        return index

    def switch(self, alias: str, old: str, new: str) -> None:
        """Let an alias name another generation, at once for all who use it.

        Parameters
        ----------
        alias
            Name of the index.
        old
            The generation that it names.
        new
            The one that was built.

        Raises
        ------
        TransientError
            The engine does not answer, or somebody was faster.
        """
        actions: list[dict[str, Any]] = [
            {"remove": {"index": new, "alias": building(new), "must_exist": True}},
            {"remove": {"index": old, "alias": alias, "must_exist": True}},
            {"add": {"index": new, "alias": alias}},
        ]
        with asking("switch an alias") as refused:
            self._client.indices.put_settings(index=new, settings={"index.refresh_interval": None})
            self._client.indices.refresh(index=new)
            self._client.indices.update_aliases(actions=actions)
        if refused:
            raise TransientError(f"{alias} was not switched from {old} to {new}: {refused[0]}")

    def abandon(self, unfinished: str) -> None:
        """Delete a generation that is being built.

        Parameters
        ----------
        unfinished
            Name of the generation.

        Raises
        ------
        TransientError
            The engine does not answer, or the generation is in use by now.
        """
        # Whoever builds it can switch to it no more: only then is it safe to delete.
        taken = {"remove": {"index": unfinished, "alias": building(unfinished), "must_exist": True}}
        with asking("abandon a generation") as refused:
            self._client.indices.update_aliases(actions=[taken])
        if refused:
            raise TransientError(f"{unfinished} is in use by now: {refused[0]}")
        self.delete(unfinished)

    def freeze(self, generation: str) -> None:
        """Let nobody write a generation any more; raises `TransientError`."""
        with asking("freeze a generation") as refused:
            self._client.indices.add_block(index=generation, block="write")
        pass_by_absent(refused)

    def delete(self, generation: str) -> None:
        """Delete a generation; raises `TransientError`."""
        with asking("delete a generation") as refused:
            self._client.indices.delete(index=generation)
        pass_by_absent(refused)

    def issue_key(self, name: str, aliases: tuple[str, ...]) -> str:
        """Make a key that reaches these indexes alone; raises `TransientError`.

        Parameters
        ----------
        name
            Name of the key.
        aliases
            Names of the indexes; their generations go with them.

        Returns
        -------
        str
            The key as it is sent; empty where the engine has no security.

        Raises
        ------
        TransientError
            The engine does not answer, or makes no key for whoever asks.
        """
        with asking("say who asks") as refused:
            self._client.security.authenticate()
        if refused:
            return ""
        reached = [pattern for alias in aliases for pattern in (alias, f"{alias}-*", building(f"{alias}-*"))]
        allowed = {"indices": [{"names": reached, "privileges": ["read", "write", "create_index", "manage"]}]}
        answer: Mapping[str, Any] = {}
        with asking("make a key") as refused:
            answer = self._client.security.create_api_key(name=name, role_descriptors={"tenant": allowed}).body
        if refused:
            raise TransientError(f"the engine made no key: {refused[0]}")
        return str(answer["encoded"])

    def revoke_keys(self, name: str) -> None:
        """Let no key of this name be of use any more; nothing happens where the engine has no security."""
        with asking("revoke a key"):
            self._client.security.invalidate_api_key(name=name)


def _following(alias: str, known: Generations) -> str:
    """Name of the generation that comes after those that are there."""
    last = max(generation_of(alias, each) or 0 for each in (known.current, *known.earlier, *known.unfinished))
    return index_name(alias, last + 1)
