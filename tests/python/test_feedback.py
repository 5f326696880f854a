"""Error feedback over real groups: nothing is lost, whatever is dropped and whichever rounds count."""

import numpy as np
import pytest
import whimbrel
from conftest import commit, wait_all

COUNT = 3000


def test_nothing_is_lost(trio):
    random = np.random.default_rng(1)
    feedbacks = [whimbrel.ErrorFeedback(COUNT) for _ in trio]
    sent = np.zeros(COUNT)
    given = np.zeros(COUNT)
    for step in range(5):
        counts = step % 3 != 1
        updates = [random.integers(-50, 50, COUNT).astype(np.float32) for _ in trio]
        xs = [feedback.apply(update, np.empty_like(update)) for feedback, update in zip(feedbacks, updates)]
        works = [
            group.all_reduce(x, reduce="sum", tag=step, codec="topk:1/16,chunk=64,values=none")
            for group, x in zip(trio, xs)
        ]
        results = wait_all(works)
        for feedback, work in zip(feedbacks, works):
            feedback.stage(work)
            feedback.commit() if counts else feedback.abort()
        if counts:
            sent += results[0]
            given += sum(updates)
    residuals = [feedback.save(np.empty(COUNT, np.float32)) for feedback in feedbacks]
    assert np.array_equal(sent + sum(residuals), given)
    assert any(residual.any() for residual in residuals)
    commit(trio)


def test_a_residual_is_saved_and_restored():
    feedback = whimbrel.ErrorFeedback(4, beta=0.5)
    assert len(feedback) == 4
    feedback.restore(np.array([2, 4, 6, 8], np.float32))
    update = np.ones(4, np.float32)
    assert feedback.apply(update) is update
    assert update.tolist() == [2, 3, 4, 5]
    with pytest.raises(whimbrel.errors.WrongState):
        feedback.commit()
    feedback.abort()
    assert feedback.save(np.zeros(4, np.float32)).tolist() == [2, 4, 6, 8]


def test_wrong_arrays_are_refused(trio):
    feedback = whimbrel.ErrorFeedback(4)
    with pytest.raises(TypeError, match="float32 is needed"):
        feedback.apply(np.zeros(4))
    with pytest.raises(ValueError, match="another number of elements"):
        feedback.apply(np.zeros(5, np.float32))
    with pytest.raises(whimbrel.errors.Invalid):
        whimbrel.ErrorFeedback(4, beta=2)
    works = [group.barrier() for group in trio]
    wait_all(works)
    feedback.apply(np.zeros(4, np.float32))
    with pytest.raises(whimbrel.errors.Unsupported):
        feedback.stage(works[0])
