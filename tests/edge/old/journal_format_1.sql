PRAGMA application_id=1668178796;
PRAGMA user_version=1;
BEGIN TRANSACTION;
CREATE TABLE accounts ( -- whose key each account's name stood for
  account TEXT PRIMARY KEY,
  venue TEXT NOT NULL,
  environment TEXT NOT NULL,
  venue_user_id TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "accounts" VALUES('main','venue','live','u1');
CREATE TABLE meta ( -- boot: lives of the daemon so far; seq_reserved: no outcome has this number or a higher one
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "meta" VALUES('boot',1);
INSERT INTO "meta" VALUES('seq_reserved',2);
CREATE TABLE outcomes ( -- every outcome (revision 0) and every correction, as it was told
  seq INTEGER PRIMARY KEY,
  request_id TEXT NOT NULL,
  account TEXT NOT NULL,
  uid INTEGER NOT NULL,
  order_id TEXT,
  t_us INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  report TEXT NOT NULL,          -- JSON
  previous TEXT                  -- JSON; null with revision 0
);
INSERT INTO "outcomes" VALUES(1,'a','main',1000,'order-of-a',1700000000000005,0,'canceled','{"request_id":"a","account":"main","venue":"venue","product":"","instrument":"BTC-USDT","order_id":"order-of-a","client_order_id":"ca","outcome":"canceled","ord_status":"canceled","cxl_rej_reason":null,"order_qty":"2.50","cum_qty":"0.10","cum_qty_final":true,"leaves_qty":"0","avg_px":null,"ended_by":"us","cancel_reason":null,"successor_order_id":null,"venue_response":{"sCode":"0","sMsg":""},"venue_code":"0","venue_message":"","evidence":{"source":"push","channel":"orders","venue_time":"1700000000005","digest":"731e5981ae291ebae5073d8fae0a5674"},"times":{"received":1700000000000000,"recorded":1700000000000001,"forwarded":null,"acked":null,"evidence":null,"reported":1700000000000009},"reason":null,"durable":false,"seq":1,"revision":0}',NULL);
CREATE TABLE requests ( -- one row a cancel request; what it was told stands in outcomes, how it went in steps
  request_id TEXT NOT NULL,
  account TEXT NOT NULL,
  uid INTEGER NOT NULL,
  case_id TEXT NOT NULL,         -- the case that it is in now
  product TEXT NOT NULL,
  instrument TEXT NOT NULL,
  order_id TEXT,                 -- as asked
  client_order_id TEXT,          -- as asked
  found_order_id TEXT,           -- as learnt
  priority TEXT NOT NULL,
  deadline_us INTEGER,
  received_us INTEGER NOT NULL,
  gid INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  client TEXT NOT NULL,
  venue_params TEXT NOT NULL,    -- JSON
  opened_case TEXT NOT NULL,     -- the case that it was in first
  opened_step INTEGER NOT NULL,  -- steps.id of its opening
  recorded_us INTEGER NOT NULL,  -- when this row was written
  outcome TEXT,                  -- the latest one; null: none yet
  first_seq INTEGER,             -- outcomes.seq of the first word about it
  seq INTEGER,                   -- outcomes.seq of the latest word about it
  revision INTEGER NOT NULL DEFAULT 0,
  ended_us INTEGER,              -- of the latest outcome
  PRIMARY KEY (request_id, account, uid)
);
INSERT INTO "requests" VALUES('a','main',1000,'case-a','','BTC-USDT','order-of-a','ca','order-of-a','urgent',1700000000500000,1700000000000000,100,4242,'mm1','{"flag":"1"}','case-a',1,1700000000000002,'canceled',1,1,0,1700000000000005);
INSERT INTO "requests" VALUES('b','main',1000,'case-b','','BTC-USDT','order-of-b','cb',NULL,'urgent',1700000000500000,1700000000000000,100,4242,'mm1','{"flag":"1"}','case-b',7,1700000000000002,NULL,NULL,NULL,0,NULL);
CREATE TABLE steps ( -- everything that happened, in order; only ever added to
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  case_id TEXT NOT NULL,
  t_us INTEGER NOT NULL,
  kind TEXT NOT NULL,
  order_id TEXT,
  digest TEXT,                   -- BLAKE2b-128 of the frame
  body TEXT NOT NULL,            -- JSON
  frame BLOB                     -- what the venue sent, raw
);
INSERT INTO "steps" VALUES(1,'case-a',1700000000000000,'request_opened','order-of-a',NULL,'{"type":"RequestOpened","t":1700000000000000,"case":"case-a","request":{"key":{"uid":1000,"account":"main","request_id":"a"},"caller":{"uid":1000,"gid":100,"pid":4242,"client":"mm1"},"product":"","instrument":"BTC-USDT","order_id":"order-of-a","client_order_id":"ca","received_us":1700000000000000,"deadline_us":1700000000500000,"priority":"urgent","venue_params":{"flag":"1"}}}',NULL);
INSERT INTO "steps" VALUES(2,'case-a',1700000000000001,'send_made','order-of-a',NULL,'{"type":"SendMade","t":1700000000000001,"case":"case-a","wire":{"send_id":"Sa","road":"ws","product":"","instrument":"BTC-USDT","order_id":"order-of-a","client_order_id":null,"venue_params":{},"operation":""}}',NULL);
INSERT INTO "steps" VALUES(3,'case-a',1700000000000002,'send_forwarded',NULL,NULL,'{"type":"SendForwarded","t":1700000000000002,"case":"case-a","what":{"type":"CancelForwarded","send_id":"Sa","road":"ws"}}',NULL);
INSERT INTO "steps" VALUES(4,'case-a',1700000000000003,'send_answered',NULL,'96adc578c92d8cb12b06c7948b5aa757','{"type":"SendAnswered","t":1700000000000003,"case":"case-a","what":{"type":"CancelAnswered","send_id":"Sa","road":"ws","proof":"accepted","code":"0","message":"","order_id":null,"client_order_id":null,"remedy":"none","fields":{"sCode":"0"},"frame":{"digest":"96adc578c92d8cb12b06c7948b5aa757","raw":""},"counts_as_error":false,"hold_ms":0,"hold_until_ms":null}}',X'7B226F70223A2263616E63656C227D');
INSERT INTO "steps" VALUES(5,'case-a',1700000000000004,'observed','order-of-a','731e5981ae291ebae5073d8fae0a5674','{"type":"Observed","t":1700000000000004,"case":"case-a","report":{"type":"OrderReported","source":"push","channel":"orders","product":"","instrument":"BTC-USDT","order_id":"order-of-a","client_order_id":null,"status":"canceled","word":"canceled","side":null,"order_qty":"2.50","cum_qty":"0.10","cum_qty_final":false,"avg_px":null,"created_ms":null,"updated_ms":null,"venue_time":null,"ended_by":"unknown","cancel_reason":null,"successor_order_id":null,"frame":{"digest":"731e5981ae291ebae5073d8fae0a5674","raw":""},"is_state":true},"asked":null}',X'7B227374617465223A2263616E63656C6564227D');
INSERT INTO "steps" VALUES(6,'case-a',1700000000000005,'concluded','order-of-a',NULL,'{"type":"Concluded","t":1700000000000005,"case":"case-a","key":{"uid":1000,"account":"main","request_id":"a"},"report":{"request_id":"a","account":"main","venue":"venue","product":"","instrument":"BTC-USDT","order_id":"order-of-a","client_order_id":"ca","outcome":"canceled","ord_status":"canceled","cxl_rej_reason":null,"order_qty":"2.50","cum_qty":"0.10","cum_qty_final":true,"leaves_qty":"0","avg_px":null,"ended_by":"us","cancel_reason":null,"successor_order_id":null,"venue_response":{"sCode":"0","sMsg":""},"venue_code":"0","venue_message":"","evidence":{"source":"push","channel":"orders","venue_time":"1700000000005","digest":"731e5981ae291ebae5073d8fae0a5674"},"times":{"received":1700000000000000,"recorded":1700000000000001,"forwarded":null,"acked":null,"evidence":null,"reported":1700000000000009},"reason":null,"durable":false,"seq":1,"revision":0},"previous":null}',NULL);
INSERT INTO "steps" VALUES(7,'case-b',1700000000000000,'request_opened','order-of-b',NULL,'{"type":"RequestOpened","t":1700000000000000,"case":"case-b","request":{"key":{"uid":1000,"account":"main","request_id":"b"},"caller":{"uid":1000,"gid":100,"pid":4242,"client":"mm1"},"product":"","instrument":"BTC-USDT","order_id":"order-of-b","client_order_id":"cb","received_us":1700000000000000,"deadline_us":1700000000500000,"priority":"urgent","venue_params":{"flag":"1"}}}',NULL);
CREATE INDEX requests_open ON requests (case_id) WHERE outcome IS NULL OR outcome = 'in_doubt';
CREATE INDEX requests_case ON requests (case_id);
CREATE INDEX requests_order ON requests (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX requests_received ON requests (received_us);
CREATE INDEX requests_ended ON requests (ended_us);
CREATE INDEX steps_case ON steps (case_id);
CREATE INDEX steps_order ON steps (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX outcomes_request ON outcomes (request_id, account, uid);
CREATE INDEX outcomes_account ON outcomes (account);
CREATE INDEX outcomes_order ON outcomes (order_id) WHERE order_id IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('steps',7);
COMMIT;
