CREATE TABLE app_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT

CREATE TABLE attachment (
            seq INTEGER PRIMARY KEY,
            size INTEGER NOT NULL,
            position INTEGER NOT NULL,
            message_id TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
            digest TEXT NOT NULL,
            media_type TEXT NOT NULL,
            name TEXT NOT NULL,
            UNIQUE (message_id, position)
        ) STRICT

CREATE INDEX attachment_digest ON attachment (digest)

CREATE TABLE block (
            seq INTEGER PRIMARY KEY,
            message_id TEXT NOT NULL REFERENCES message (id) ON DELETE CASCADE,
            ord INTEGER NOT NULL,
            steps INTEGER NOT NULL,
            max_steps INTEGER NOT NULL,
            settled INTEGER NOT NULL,
            seconds REAL NOT NULL,
            answer TEXT NOT NULL,
            thinking TEXT NOT NULL,
            token_ids BLOB NOT NULL,
            settled_step BLOB NOT NULL,
            final_entropy BLOB NOT NULL,
            UNIQUE (message_id, ord)
        ) STRICT

CREATE TABLE conversation (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            title_source TEXT NOT NULL CHECK (title_source IN ('default', 'first_message', 'user')),
            head_message_id TEXT,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            deleted_at INTEGER,
            title TEXT NOT NULL
        , used_no INTEGER NOT NULL DEFAULT 0, pinned INTEGER NOT NULL DEFAULT 0, archived INTEGER NOT NULL DEFAULT 0, folder_id TEXT, options_json TEXT NOT NULL DEFAULT '{}') STRICT

CREATE INDEX conversation_used ON conversation (used_no)

CREATE TABLE download (
            seq INTEGER PRIMARY KEY,
            model_id TEXT NOT NULL UNIQUE REFERENCES model (id) ON DELETE CASCADE,
            state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused')),
            updated_at INTEGER NOT NULL,
            error_json TEXT
        ) STRICT

CREATE TABLE folder (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            parent_id TEXT,
            position INTEGER NOT NULL
        ) STRICT

CREATE TABLE generation (
            seq INTEGER PRIMARY KEY,
            message_id TEXT NOT NULL UNIQUE REFERENCES message (id) ON DELETE CASCADE,
            seed TEXT,
            backend TEXT NOT NULL,
            model TEXT NOT NULL,
            params_json TEXT NOT NULL,
            reason TEXT,
            max_steps INTEGER,
            answer_tokens INTEGER,
            tokens_per_step REAL,
            time_to_first_draft REAL,
            time_to_first_block REAL,
            wall_seconds REAL,
            decode_seconds REAL,
            wall_tokens_per_second REAL,
            decode_tokens_per_second REAL
        , draft_length INTEGER NOT NULL DEFAULT 0) STRICT

CREATE TABLE message (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
            parent_id TEXT REFERENCES message (id),
            sibling_no INTEGER NOT NULL,
            role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
            state TEXT NOT NULL CHECK (state IN ('draft', 'streaming', 'done', 'stopped', 'error')),
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            error_json TEXT,
            body TEXT NOT NULL,
            thinking TEXT NOT NULL
        ) STRICT

CREATE INDEX message_parent ON message (parent_id)

CREATE INDEX message_tree ON message (conversation_id, parent_id, sibling_no)

CREATE TABLE model (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL CHECK (kind IN ('download', 'folder', 'merged')),
            repo TEXT NOT NULL,
            folder TEXT NOT NULL UNIQUE,
            title TEXT NOT NULL,
            added_at INTEGER NOT NULL
        , revision TEXT NOT NULL DEFAULT '', licence TEXT NOT NULL DEFAULT '', accepted TEXT NOT NULL DEFAULT '', listed INTEGER NOT NULL DEFAULT 0) STRICT

CREATE TABLE model_file (
            seq INTEGER PRIMARY KEY,
            model_id TEXT NOT NULL REFERENCES model (id) ON DELETE CASCADE,
            path TEXT NOT NULL,
            size INTEGER NOT NULL,
            digest_kind TEXT NOT NULL,
            digest TEXT NOT NULL,
            verified INTEGER NOT NULL,
            UNIQUE (model_id, path)
        ) STRICT

CREATE TABLE origin (
            seq INTEGER PRIMARY KEY,
            kind INTEGER NOT NULL,
            item_id TEXT NOT NULL UNIQUE,
            conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
            source TEXT NOT NULL,
            source_id TEXT NOT NULL,
            extra_json TEXT NOT NULL
        ) STRICT

CREATE INDEX origin_conversation ON origin (conversation_id)

CREATE TABLE prompt (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            updated_at INTEGER NOT NULL,
            position INTEGER NOT NULL,
            name TEXT NOT NULL,
            body TEXT NOT NULL
        ) STRICT

CREATE TABLE queued (
            seq INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            created_at INTEGER NOT NULL,
            conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
            body TEXT NOT NULL
        ) STRICT

CREATE TRIGGER search_conversation_changed AFTER UPDATE OF title ON conversation BEGIN
                    INSERT OR REPLACE INTO search_waiting (key, note) VALUES (2 * new.seq + 1, random());
                END

CREATE TRIGGER search_conversation_gone AFTER DELETE ON conversation BEGIN
                    INSERT OR REPLACE INTO search_waiting (key, note) VALUES (2 * old.seq + 1, random());
                END

CREATE TRIGGER search_conversation_new AFTER INSERT ON conversation BEGIN
                    INSERT OR REPLACE INTO search_waiting (key, note) VALUES (2 * new.seq + 1, random());
                END

CREATE TRIGGER search_message_changed AFTER UPDATE OF body ON message BEGIN
                    INSERT OR REPLACE INTO search_waiting (key, note) VALUES (2 * new.seq, random());
                END

CREATE TRIGGER search_message_gone AFTER DELETE ON message BEGIN
                    INSERT OR REPLACE INTO search_waiting (key, note) VALUES (2 * old.seq, random());
                END

CREATE TRIGGER search_message_new AFTER INSERT ON message BEGIN
                    INSERT OR REPLACE INTO search_waiting (key, note) VALUES (2 * new.seq, random());
                END

CREATE TABLE search_waiting (key INTEGER PRIMARY KEY, note INTEGER NOT NULL) STRICT

CREATE TABLE tag (
            seq INTEGER PRIMARY KEY,
            conversation_id TEXT NOT NULL REFERENCES conversation (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            UNIQUE (conversation_id, name)
        ) STRICT

CREATE TABLE unsent (
            seq INTEGER PRIMARY KEY,
            slot TEXT NOT NULL UNIQUE,
            updated_at INTEGER NOT NULL,
            body TEXT NOT NULL
        ) STRICT

CREATE TABLE written (
            seq INTEGER PRIMARY KEY,
            folder TEXT NOT NULL,
            path TEXT NOT NULL,
            is_folder INTEGER NOT NULL,
            device TEXT NOT NULL,
            inode TEXT NOT NULL,
            size INTEGER NOT NULL,
            changed_ns INTEGER NOT NULL,
            UNIQUE (folder, path)
        ) STRICT
