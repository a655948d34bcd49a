"""Training that goes on from its last finished epoch after a kill."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from boneage_lib.data.whole_files import written_whole

#: What Keras' callbacks and this project's find out while they watch, beside their settings. The
#: settings are no state: Keras itself changes some when a training begins.
STATE = ("best", "best_epoch", "cooldown_counter", "epoch", "stopped_epoch", "wait")


class Checkpoint(keras.callbacks.Callback):
    """Keep a training's whole state after every epoch, and put it back when it starts again.

    Weights, optimizer, random states, what the other callbacks remember, and the history: with the
    same batches the rest of the training then ends as if it had never stopped. It has to be the
    last callback, so that it sees what the others did.

    Args:
        folder: of this training alone; made when it is not there.
        record: everything the training depends on; leftovers of another one are not used.
        head: the part that is trained.
        others: callbacks that remember something: numbers under the names in `STATE`, and arrays in
            a list called ``remembered``. A training with others is another one.
    """

    def __init__(
        self,
        folder: Path,
        record: Any,
        head: keras.Model,
        others: Sequence[keras.callbacks.Callback],
    ) -> None:
        super().__init__()
        whole = [record, [type(callback).__name__ for callback in others]]
        digest = hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode())
        self.file = folder / f"{head.name}-{digest.hexdigest()[:16]}.npz"
        self.head, self.others = head, others
        self.history: dict[str, list[float]] = {}
        self.epochs_done = 0
        self.stopped = False
        self._saved = self._read()
        if self._saved is not None:
            state = self._saved[0]
            self.history = state["history"]
            self.epochs_done, self.stopped = state["epochs"], state["stopped"]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put everything back; the other callbacks have just forgotten all."""
        if self._saved is None:
            return
        state, arrays = self._saved
        for variable, value in zip(self._variables(), arrays[: state["variables"]], strict=True):
            variable.assign(value)
        rest = arrays[state["variables"] :]
        for callback, remembered in zip(self.others, state["callbacks"], strict=True):
            vars(callback).update(remembered["values"])
            kept, rest = rest[: remembered["arrays"]], rest[remembered["arrays"] :]
            if remembered["arrays"]:
                callback.remembered = kept

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the state, whole or not at all."""
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(float(value))
        arrays = [np.asarray(keras.ops.convert_to_numpy(v)) for v in self._variables()]
        state: dict[str, Any] = {
            "epochs": epoch + 1,
            "stopped": bool(self.model.stop_training),
            "history": self.history,
            "variables": len(arrays),
            "callbacks": [],
        }
        for callback in self.others:
            kept = list(getattr(callback, "remembered", []))
            values = {
                key: value if isinstance(value, int) else float(value)
                for key, value in vars(callback).items()
                if key in STATE and value is not None
            }
            state["callbacks"].append({"values": values, "arrays": len(kept)})
            arrays += kept
        with written_whole(self.file) as partial, partial.open("wb") as file:
            named: dict[str, Any] = {f"a{k}": array for k, array in enumerate(arrays)}
            np.savez(file, **named, state=np.array(json.dumps(state)))

    def _variables(self) -> list[Any]:
        """What training changes: the head's variables, random states included, and Adam's."""
        optimizer = self.model.optimizer
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        return [*self.head.variables, *_random_states(self.head), *optimizer.variables]

    def _read(self) -> tuple[dict[str, Any], list[np.ndarray]] | None:
        try:
            with self.file.open("rb") as file, np.load(file, allow_pickle=False) as found:
                if damaged := found.zip.testzip():
                    raise ValueError(f"{damaged} does not match its checksum")
                state = json.loads(str(found["state"]))
                return state, [found[f"a{k}"] for k in range(len(found.files) - 1)]
        except FileNotFoundError:
            return None
        except Exception as error:  # a damaged archive makes its reader say almost anything
            print(f"The kept state {self.file.name} is damaged ({error}): training starts anew.")
            return None


def _random_states(model: keras.Model) -> list[Any]:
    """States of the generators behind dropout, where Keras does not count them as variables."""
    counted = {id(variable) for variable in model.variables}
    states = [
        layer.seed_generator.state for layer in model.layers if hasattr(layer, "seed_generator")
    ]
    return [state for state in states if id(state) not in counted]
