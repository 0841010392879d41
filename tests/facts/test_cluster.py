"""Facts on a cluster, where a user's facts and the sessions they come from are in different slots."""

from __future__ import annotations

from langchain_core.messages import HumanMessage

from langchain_motorhead import Facts, Motorhead


def test_facts_on_a_cluster(cluster_url: str) -> None:
    """Facts are learned, superseded and loaded with a session; what a deletion takes away goes, and the rest holds."""
    with Motorhead.from_url(cluster_url, facts=Facts(), compaction="manual") as motorhead:
        bob = motorhead.user("bob")
        for session_id, text in (("monday", "I live in Rome."), ("friday", "I moved to Oslo.")):
            session = motorhead.session(session_id, "bob")
            session.append(HumanMessage(text))
            assert session.learn().facts == 1
        assert [fact.text for fact in bob.facts()] == ["I moved to Oslo."]
        assert "Oslo" in motorhead.session("monday", "bob").load(profile_tokens=100).profile
        assert motorhead.session("friday", "bob").delete()
        assert [fact.text for fact in bob.facts()] == ["I live in Rome."]
        assert bob.delete() == 1
        assert bob.facts() == []
