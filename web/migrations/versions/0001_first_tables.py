"""First tables"""

import sqlalchemy as sa
from alembic import op

import web.database

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "course",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=160), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("grace_days", sa.Integer(), nullable=False),
        sa.Column("created_at", web.database.Utc(), nullable=False),
        sa.Column("archived_at", web.database.Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course")),
        sa.UniqueConstraint("slug", name=op.f("uq_course_slug")),
    )
    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("oidc_subject", sa.String(length=255), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("created_at", web.database.Utc(), nullable=False),
        sa.Column("disabled_at", web.database.Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("login", name=op.f("uq_user_login")),
        sa.UniqueConstraint("oidc_subject", name=op.f("uq_user_oidc_subject")),
    )
    op.create_table(
        "version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("label", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=160), nullable=False),
        sa.Column("module", sa.String(length=100), nullable=False),
        sa.Column("max_score", sa.Double(), nullable=False),
        sa.Column("points", sa.JSON(), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.Column("device", sa.String(length=16), nullable=False),
        sa.Column("added_at", web.database.Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version")),
        sa.UniqueConstraint("sha256", name=op.f("uq_version_sha256")),
    )
    with op.batch_alter_table("version", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_version_slug"), ["slug"], unique=False)

    op.create_table(
        "act",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", web.database.Utc(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("course_id", sa.Integer(), nullable=True),
        sa.Column("verb", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_act_actor_id_user")),
        sa.ForeignKeyConstraint(["course_id"], ["course.id"], name=op.f("fk_act_course_id_course")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_act")),
    )
    with op.batch_alter_table("act", schema=None) as batch_op:
        batch_op.create_index("ix_act_course", ["course_id", "id"], unique=False)

    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=120), nullable=False),
        sa.Column("created_at", web.database.Utc(), nullable=False),
        sa.Column("expires_at", web.database.Utc(), nullable=True),
        sa.Column("last_used_at", web.database.Utc(), nullable=True),
        sa.Column("revoked_at", web.database.Utc(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_api_token_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_token_user_id"), ["user_id"], unique=False)

    op.create_table(
        "course_assignment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("course_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=160), nullable=False),
        sa.Column("opens_at", web.database.Utc(), nullable=True),
        sa.Column("due_at", web.database.Utc(), nullable=True),
        sa.Column("closes_at", web.database.Utc(), nullable=True),
        sa.Column("late_percent", sa.Double(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=True),
        sa.Column("window_attempts", sa.Integer(), nullable=True),
        sa.Column("window_hours", sa.Integer(), nullable=True),
        sa.Column("counts", sa.String(length=8), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("released_at", web.database.Utc(), nullable=True),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.Column("created_at", web.database.Utc(), nullable=False),
        sa.CheckConstraint(
            "counts IN ('last', 'best', 'chosen')", name=op.f("ck_course_assignment_counts")
        ),
        sa.CheckConstraint(
            "late_percent BETWEEN 0 AND 100", name=op.f("ck_course_assignment_late_percent")
        ),
        sa.ForeignKeyConstraint(
            ["course_id"], ["course.id"], name=op.f("fk_course_assignment_course_id_course")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_course_assignment_version_id_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_course_assignment")),
        sa.UniqueConstraint("course_id", "slug", name=op.f("uq_course_assignment_course_id_slug")),
    )
    with op.batch_alter_table("course_assignment", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_course_assignment_course_id"), ["course_id"], unique=False
        )

    op.create_table(
        "enrolment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("course_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("section", sa.String(length=60), nullable=False),
        sa.Column("created_at", web.database.Utc(), nullable=False),
        sa.Column("dropped_at", web.database.Utc(), nullable=True),
        sa.CheckConstraint(
            "role IN ('instructor', 'assistant', 'student')", name=op.f("ck_enrolment_role")
        ),
        sa.ForeignKeyConstraint(
            ["course_id"], ["course.id"], name=op.f("fk_enrolment_course_id_course")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_enrolment_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment")),
        sa.UniqueConstraint("course_id", "user_id", name=op.f("uq_enrolment_course_id_user_id")),
    )
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.create_index("ix_enrolment_user", ["user_id"], unique=False)

    op.create_table(
        "invitation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", web.database.Utc(), nullable=False),
        sa.Column("expires_at", web.database.Utc(), nullable=False),
        sa.Column("used_at", web.database.Utc(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_invitation_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
    )
    with op.batch_alter_table("invitation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invitation_user_id"), ["user_id"], unique=False)

    op.create_table(
        "sign_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=200), nullable=False),
        sa.Column("created_at", web.database.Utc(), nullable=False),
        sa.Column("expires_at", web.database.Utc(), nullable=False),
        sa.Column("revoked_at", web.database.Utc(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_sign_in_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_in_token_hash")),
    )
    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_in_user_id"), ["user_id"], unique=False)

    op.create_table(
        "extension",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("due_at", web.database.Utc(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=False),
        sa.Column("created_at", web.database.Utc(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_extension_actor_id_user")),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["course_assignment.id"],
            name=op.f("fk_extension_assignment_id_course_assignment"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_extension_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extension")),
    )
    with op.batch_alter_table("extension", schema=None) as batch_op:
        batch_op.create_index("ix_extension_of", ["assignment_id", "user_id"], unique=False)

    op.create_table(
        "regrade",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("which", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=False),
        sa.Column("created_at", web.database.Utc(), nullable=False),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_at", web.database.Utc(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'applied', 'dropped')", name=op.f("ck_regrade_state")
        ),
        sa.CheckConstraint(
            "which IN ('one', 'all', 'latest', 'failed')", name=op.f("ck_regrade_which")
        ),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_regrade_actor_id_user")),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["course_assignment.id"],
            name=op.f("fk_regrade_assignment_id_course_assignment"),
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["user.id"], name=op.f("fk_regrade_decided_by_user")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_regrade_version_id_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_regrade")),
    )
    with op.batch_alter_table("regrade", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_regrade_assignment_id"), ["assignment_id"], unique=False
        )

    op.create_table(
        "score_decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=False),
        sa.Column("created_at", web.database.Utc(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'override') = (score IS NOT NULL)", name=op.f("ck_score_decision_score")
        ),
        sa.CheckConstraint(
            "kind IN ('override', 'excuse', 'clear')", name=op.f("ck_score_decision_kind")
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["user.id"], name=op.f("fk_score_decision_actor_id_user")
        ),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["course_assignment.id"],
            name=op.f("fk_score_decision_assignment_id_course_assignment"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_score_decision_user_id_user")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score_decision")),
    )
    with op.batch_alter_table("score_decision", schema=None) as batch_op:
        batch_op.create_index("ix_score_decision_of", ["assignment_id", "user_id"], unique=False)

    op.create_table(
        "submission",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("receipt", sa.String(length=10), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("archive", sa.String(length=64), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("received_at", web.database.Utc(), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=True),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["course_assignment.id"],
            name=op.f("fk_submission_assignment_id_course_assignment"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_submission_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint(
            "assignment_id", "user_id", "key", name=op.f("uq_submission_assignment_id_user_id_key")
        ),
        sa.UniqueConstraint("receipt", name=op.f("uq_submission_receipt")),
    )
    with op.batch_alter_table("submission", schema=None) as batch_op:
        batch_op.create_index(
            "ix_submission_of", ["assignment_id", "user_id", "received_at"], unique=False
        )
        batch_op.create_index("ix_submission_user", ["user_id", "received_at"], unique=False)

    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("regrade_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("not_before", web.database.Utc(), nullable=True),
        sa.Column("worker", sa.String(length=80), nullable=True),
        sa.Column("leased_until", web.database.Utc(), nullable=True),
        sa.Column("phase", sa.String(length=40), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.Column("checks_total", sa.Integer(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=True),
        sa.Column("created_at", web.database.Utc(), nullable=False),
        sa.Column("started_at", web.database.Utc(), nullable=True),
        sa.Column("ended_at", web.database.Utc(), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'done', 'waiting', 'cancelled')",
            name=op.f("ck_attempt_state"),
        ),
        sa.ForeignKeyConstraint(
            ["regrade_id"], ["regrade.id"], name=op.f("fk_attempt_regrade_id_regrade")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_attempt_submission_id_submission")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_attempt_version_id_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("submission_id", "epoch", name=op.f("uq_attempt_submission_id_epoch")),
    )
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.create_index("ix_attempt_queue", ["state", "priority", "id"], unique=False)
        batch_op.create_index("ix_attempt_regrade", ["regrade_id"], unique=False)

    op.create_table(
        "check_outcome",
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("check_id", sa.String(length=160), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("points", sa.Double(), nullable=False),
        sa.Column("max_points", sa.Double(), nullable=False),
        sa.Column("hint", sa.String(length=60), nullable=True),
        sa.Column("speed_ratio", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["submission_id"],
            ["submission.id"],
            name=op.f("fk_check_outcome_submission_id_submission"),
        ),
        sa.PrimaryKeyConstraint(
            "submission_id", "epoch", "check_id", name=op.f("pk_check_outcome")
        ),
    )
    op.create_table(
        "choice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("created_at", web.database.Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["course_assignment.id"],
            name=op.f("fk_choice_assignment_id_course_assignment"),
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_choice_submission_id_submission")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_choice_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_choice")),
    )
    with op.batch_alter_table("choice", schema=None) as batch_op:
        batch_op.create_index("ix_choice_of", ["assignment_id", "user_id"], unique=False)

    op.create_table(
        "result_conflict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("received_at", web.database.Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"],
            ["submission.id"],
            name=op.f("fk_result_conflict_submission_id_submission"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_result_conflict")),
    )
    with op.batch_alter_table("result_conflict", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_result_conflict_submission_id"), ["submission_id"], unique=False
        )

    op.create_table(
        "standing",
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("submission_id", sa.Integer(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=True),
        sa.Column("raw", sa.Double(), nullable=True),
        sa.Column("max_score", sa.Double(), nullable=False),
        sa.Column("late_days", sa.Integer(), nullable=False),
        sa.Column("grace_days", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("submissions", sa.Integer(), nullable=False),
        sa.Column("updated_at", web.database.Utc(), nullable=False),
        sa.CheckConstraint(
            "(status IN ('graded', 'override')) = (score IS NOT NULL)",
            name=op.f("ck_standing_score"),
        ),
        sa.CheckConstraint(
            "status IN ('none', 'pending', 'graded', 'override', 'excused')",
            name=op.f("ck_standing_status"),
        ),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["course_assignment.id"],
            name=op.f("fk_standing_assignment_id_course_assignment"),
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_standing_submission_id_submission")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_standing_user_id_user")),
        sa.PrimaryKeyConstraint("assignment_id", "user_id", name=op.f("pk_standing")),
    )
    with op.batch_alter_table("standing", schema=None) as batch_op:
        batch_op.create_index("ix_standing_result", ["submission_id", "epoch"], unique=False)
        batch_op.create_index(batch_op.f("ix_standing_user_id"), ["user_id"], unique=False)

    op.create_table(
        "result",
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("max_score", sa.Double(), nullable=False),
        sa.Column("failure", sa.String(length=32), nullable=True),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", web.database.Utc(), nullable=False),
        sa.CheckConstraint("score >= 0 AND score <= max_score", name=op.f("ck_result_score")),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempt.id"], name=op.f("fk_result_attempt_id_attempt")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_result_submission_id_submission")
        ),
        sa.PrimaryKeyConstraint("submission_id", "epoch", name=op.f("pk_result")),
    )
    with op.batch_alter_table("result", schema=None) as batch_op:
        batch_op.create_index("ix_result_attempt", ["attempt_id"], unique=True)


def downgrade() -> None:
    """Back from it."""
    with op.batch_alter_table("result", schema=None) as batch_op:
        batch_op.drop_index("ix_result_attempt")

    op.drop_table("result")
    with op.batch_alter_table("standing", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_standing_user_id"))
        batch_op.drop_index("ix_standing_result")

    op.drop_table("standing")
    with op.batch_alter_table("result_conflict", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_result_conflict_submission_id"))

    op.drop_table("result_conflict")
    with op.batch_alter_table("choice", schema=None) as batch_op:
        batch_op.drop_index("ix_choice_of")

    op.drop_table("choice")
    op.drop_table("check_outcome")
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.drop_index("ix_attempt_regrade")
        batch_op.drop_index("ix_attempt_queue")

    op.drop_table("attempt")
    with op.batch_alter_table("submission", schema=None) as batch_op:
        batch_op.drop_index("ix_submission_user")
        batch_op.drop_index("ix_submission_of")

    op.drop_table("submission")
    with op.batch_alter_table("score_decision", schema=None) as batch_op:
        batch_op.drop_index("ix_score_decision_of")

    op.drop_table("score_decision")
    with op.batch_alter_table("regrade", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_regrade_assignment_id"))

    op.drop_table("regrade")
    with op.batch_alter_table("extension", schema=None) as batch_op:
        batch_op.drop_index("ix_extension_of")

    op.drop_table("extension")
    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_user_id"))

    op.drop_table("sign_in")
    with op.batch_alter_table("invitation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invitation_user_id"))

    op.drop_table("invitation")
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.drop_index("ix_enrolment_user")

    op.drop_table("enrolment")
    with op.batch_alter_table("course_assignment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_course_assignment_course_id"))

    op.drop_table("course_assignment")
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_token_user_id"))

    op.drop_table("api_token")
    with op.batch_alter_table("act", schema=None) as batch_op:
        batch_op.drop_index("ix_act_course")

    op.drop_table("act")
    with op.batch_alter_table("version", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_version_slug"))

    op.drop_table("version")
    op.drop_table("user")
    op.drop_table("course")
