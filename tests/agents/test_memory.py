"""Which memories fit a text."""

from datetime import UTC, datetime
from uuid import UUID

from agents.memory import best_of
from storage.models import AgentMemory

TIME = datetime(2026, 1, 1, tzinfo=UTC)


def memories(*texts: str) -> list[AgentMemory]:
    return [
        AgentMemory(
            id=UUID(int=n),
            workspace_id=UUID(int=0),
            namespace="x",
            agent_configuration_id=UUID(int=0),
            kind="fact",
            text=text,
            written_by="agent:x",
            created_at=TIME,
            updated_at=TIME,
        )
        for n, text in enumerate(texts)
    ]


def test_rare_words_count_more_and_of_equals_the_newest_comes_first():
    known = memories(
        "Ann prefers short mails",
        "Bob prefers mails on Mondays",
        "The shop closes in August",
        "Ann's shop is called Lumière",
        "Mails go out on Tuesdays",
    )
    found = [memory.text for memory in best_of(known, "Which mails does Ann want?", 3)]
    assert found == [
        "Ann prefers short mails",
        "Ann's shop is called Lumière",
        "Bob prefers mails on Mondays",
    ]
    assert [memory.text for memory in best_of(known, "lumiere", 9)] == ["Ann's shop is called Lumière"]
    assert best_of(known, "nothing of this kind", 9) == []


def test_without_words_the_newest_come():
    known = memories("a", "b", "c")
    assert best_of(known, " ?! ", 2) == known[:2]
