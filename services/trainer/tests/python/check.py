"""What Python's own XGBoost and MLflow make of a training, against what pdex serves.

Started by run.sh beside it, after two trainings were recorded, and with `again` after the last was told to an empty server. Fails with a sentence.
"""

import os
import pathlib
import sys

import mlflow
import numpy as np
import pyarrow.parquet as parquet
import xgboost

MODELS = pathlib.Path(os.environ["MODEL_DIR"])
TOLERANCE = 1e-6


def same(name: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    difference = float(np.abs(ours - theirs).max())
    print(f"{name}: {len(ours)} rows, largest difference {difference:.1e}")
    if len(ours) != len(theirs) or not difference <= TOLERANCE:
        sys.exit(f"{name} differs from what is served")


def main() -> None:
    model = xgboost.Booster(model_file=MODELS / "battle_winner.json")
    table = parquet.read_table(MODELS / "dataset/battles.parquet")
    frame = table.select(model.feature_names).to_pandas()
    if len(frame) < 100_000:
        sys.exit(f"{len(frame)} rows are too few to say anything")
    served = np.fromfile(sys.argv[1], dtype="<f4")
    matrix = xgboost.DMatrix(frame)
    same("xgboost.Booster", served, model.predict(matrix))

    # (trainings, nested runs, versions) that a server must have.
    expected = (1, 0, 1) if "again" in sys.argv else (2, 8, 2)
    # Alone in its experiment, the first model is champion; the second one too if it is better on its own held-out rows.
    client = mlflow.MlflowClient()
    versions = client.search_model_versions("name='battle_winner'")
    if len(versions) != expected[2]:
        sys.exit(f"{len(versions)} versions are registered, not {expected[2]}")
    champion = client.get_model_version_by_alias("battle_winner", "champion")
    print(f"champion is version {champion.version}")
    newest = max(versions, key=lambda version: int(version.version))
    alias = "champion" if champion.version == newest.version else "challenger"
    uri = f"models:/battle_winner@{alias}"
    same(f'mlflow.xgboost.load_model("{uri}")', served, mlflow.xgboost.load_model(uri).predict(matrix))
    same(f'mlflow.pyfunc.load_model("{uri}")', served, np.asarray(mlflow.pyfunc.load_model(uri).predict(frame)))
    loaded = mlflow.xgboost.load_model("models:/battle_winner@champion")
    if loaded.feature_names != model.feature_names:
        sys.exit("the champion has other features")

    experiment = client.get_experiment_by_name("battle_winner")
    runs = client.search_runs([experiment.experiment_id], max_results=100)
    nested = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    trainings = [run for run in runs if run not in nested]
    if (len(trainings), len(nested)) != expected[:2]:
        sys.exit(f"{len(trainings)} trainings and {len(nested)} nested runs, not {expected[0]} and {expected[1]}")
    for run in trainings:
        for tag in ("data_hash", "mlflow.source.git.commit", "model_sha256"):
            if not run.data.tags.get(tag):
                sys.exit(f"a run lacks the tag {tag}")
        curve = client.get_metric_history(run.info.run_id, "curve_held_out_log_loss")
        steps = sorted(point.step for point in curve)
        if steps != list(range(1, int(run.data.params["rounds"]) + 1)):
            sys.exit("the learning curve has other steps than the model has trees")
        files = {file.path for file in client.list_artifacts(run.info.run_id, "report")}
        if not {"report/index.html", "report/model-card.md", "report/calibration.svg", "report/report.json"} <= files:
            sys.exit(f"the report is not among the artifacts: {files}")
    print("MLflow has everything")


if __name__ == "__main__":
    main()
