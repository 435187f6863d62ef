>> additive create-object
CREATE TABLE `users` (`id` bigint unsigned NOT NULL AUTO_INCREMENT, `name` varchar(40), PRIMARY KEY (`id`)) ENGINE=InnoDB;
>> additive create-object
CREATE TABLE t (a int); ALTER TABLE t ADD UNIQUE KEY a (a);
>> contract drop-object
CREATE OR REPLACE TABLE users (id int);
>> additive add-column
ALTER TABLE users ADD COLUMN nickname varchar(20) AFTER name;
>> additive add-column
ALTER TABLE users ADD age int NOT NULL DEFAULT 0, ALGORITHM=INSTANT;
>> needs-writers-first add-required-column
ALTER TABLE users ADD COLUMN email varchar(200) NOT NULL;
>> unknown compute-on-write
ALTER TABLE users ADD COLUMN total int GENERATED ALWAYS AS (a + b) STORED;
>> additive add-computed-column
ALTER TABLE users ADD COLUMN folded text GENERATED ALWAYS AS (lower(name)) STORED;
>> additive add-computed-column
ALTER TABLE users ADD COLUMN token char(36) NOT NULL DEFAULT (uuid());
>> contract drop-column
ALTER TABLE users DROP COLUMN name;
>> contract drop-column
ALTER TABLE users DROP name;
>> contract drop-object
DROP TABLE users;
>> contract drop-object
DROP VIEW active;
>> contract drop-object
DROP PROCEDURE clean_up;
>> contract drop-object
DROP DATABASE shop;
>> contract rename
ALTER TABLE users RENAME COLUMN name TO full_name;
>> contract rename
RENAME TABLE users TO people;
>> contract rename
ALTER TABLE users CHANGE name full_name varchar(40);
>> contract rename
ALTER TABLE users CHANGE COLUMN `name` `full_name` varchar(40) NOT NULL DEFAULT '';
>> additive rename-behind-view
RENAME TABLE users TO people; CREATE VIEW users AS SELECT * FROM people;
>> unknown rename-index
ALTER TABLE users RENAME INDEX a TO b;
>> needs-readers-first lengthen-text
<< CREATE TABLE users (name varchar(40) NOT NULL);
ALTER TABLE users MODIFY name varchar(80) NOT NULL;
>> needs-readers-first lengthen-text
<< CREATE TABLE users (name varchar(40));
ALTER TABLE users CHANGE name name text;
>> needs-readers-first widen-number
<< CREATE TABLE users (n int NOT NULL DEFAULT 0);
ALTER TABLE users MODIFY COLUMN n bigint NOT NULL DEFAULT 0;
>> contract change-type
<< CREATE TABLE users (n bigint);
ALTER TABLE users MODIFY n int;
>> contract change-type
<< CREATE TABLE users (name varchar(80));
ALTER TABLE users MODIFY name varchar(40);
>> needs-writers-first set-not-null
<< CREATE TABLE users (name varchar(80));
ALTER TABLE users MODIFY name varchar(80) NOT NULL;
>> needs-writers-first add-check
ALTER TABLE users ADD CONSTRAINT adult CHECK (age >= 18);
>> needs-writers-first add-unique
ALTER TABLE users ADD UNIQUE INDEX users_name (name);
>> needs-writers-first add-unique
CREATE UNIQUE INDEX users_name ON users (name);
>> needs-writers-first add-foreign-key
ALTER TABLE orders ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES users (id);
>> needs-readers-first drop-not-null
<< CREATE TABLE users (score int NOT NULL);
ALTER TABLE users MODIFY score int;
>> contract drop-constraint
ALTER TABLE orders DROP FOREIGN KEY of_user;
>> contract drop-constraint
ALTER TABLE users DROP CHECK adult;
>> contract drop-constraint
ALTER TABLE users DROP PRIMARY KEY;
>> needs-writers-first drop-default
ALTER TABLE users ALTER COLUMN age DROP DEFAULT;
>> needs-writers-first drop-default
<< CREATE TABLE users (score int NOT NULL DEFAULT 0);
ALTER TABLE users MODIFY score int NOT NULL;
>> additive set-default
ALTER TABLE users ALTER COLUMN age SET DEFAULT 3;
>> additive create-index
CREATE INDEX users_age ON users (age);
>> additive create-index
ALTER TABLE users ADD INDEX users_age (age);
>> unknown drop-unseen-index
DROP INDEX users_age ON users;
>> unknown drop-unseen-index
ALTER TABLE users DROP INDEX users_age;
>> contract drop-unique-index
<< CREATE UNIQUE INDEX users_name ON users (name);
ALTER TABLE users DROP INDEX users_name;
>> additive drop-index
<< CREATE INDEX users_age ON users (age);
DROP INDEX users_age ON users;
>> needs-readers-first add-enum-value
<< CREATE TABLE users (mood enum('sad', 'ok'));
ALTER TABLE users MODIFY mood enum('sad', 'ok', 'happy');
>> contract drop-enum-value
<< CREATE TABLE users (mood enum('sad', 'ok'));
ALTER TABLE users MODIFY mood enum('sad');
>> contract drop-enum-value
<< CREATE TABLE users (mood enum('sad', 'ok'));
ALTER TABLE users MODIFY mood enum('happy', 'sad', 'ok');
>> data write-data
UPDATE users SET name = 'x\'; DROP TABLE users;' WHERE id = 1;
>> data write-data
DELETE FROM users;
>> data write-data
TRUNCATE TABLE users;
>> data write-data
INSERT INTO users (name) VALUES ("a;b");
>> data write-data
REPLACE INTO users (id) VALUES (1);
>> additive create-routine
CREATE VIEW active AS SELECT id FROM users;
>> unknown replace-body
<< CREATE VIEW active AS SELECT 1 AS id;
CREATE OR REPLACE VIEW active AS SELECT id FROM users;
>> unknown change-trigger
DROP TRIGGER touch;
>> unknown change-trigger
DELIMITER //
CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW BEGIN IF NEW.a THEN SET NEW.b = 1; END IF; DELETE FROM x; END//
DELIMITER ;
>> contract drop-object
CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW BEGIN IF NEW.a THEN SET NEW.b = CASE 1 WHEN 1 THEN 2 END; END IF; END;
DROP TABLE users;
>> contract drop-object
DELIMITER $$
DROP TABLE users$$
DELIMITER ;
>> additive grant
GRANT SELECT ON shop.* TO reader;
>> contract revoke
REVOKE SELECT ON shop.users FROM reader;
>> unknown modify-column
ALTER TABLE users MODIFY name varchar(80) NOT NULL;
>> unknown modify-column
ALTER TABLE users CHANGE name name varchar(80);
>> additive restate-column
<< CREATE TABLE users (name varchar(40) NOT NULL);
ALTER TABLE users MODIFY name varchar(40) NOT NULL COMMENT 'the name' FIRST;
>> unknown unjudged
ALTER TABLE users CONVERT TO CHARACTER SET utf8mb4;
>> unknown unjudged
CALL clean_up();
>> contract drop-object
/*!40101 DROP TABLE users */;
>> contract drop-object
/* plain; /* not nested */ DROP TABLE users;
>> contract drop-object
# a comment; with a semicolon
DROP TABLE users;
>> contract drop-object
SELECT `odd;name` FROM t; DROP TABLE users;
>> contract drop-object
SELECT 5--1; DROP TABLE users;
>> unknown unjudged
SELECT 'never ends \'; DROP TABLE users;
>> additive no-change
SET FOREIGN_KEY_CHECKS = 0;
>> unknown unjudged
SET @x = wipe_users();
>> unknown unjudged
SET @x = (SELECT wipe_users());
>> unknown unjudged
SET GLOBAL max_connections = 1;
>> unknown unjudged
SET @@global.max_connections = 1;
>> additive no-change
SET @x = 1;
>> contract drop-object
CREATE TABLE backup.users AS SELECT * FROM app.users; DROP TABLE app.users;
>> contract drop-object
CREATE TABLE users(id int); USE app; DROP TABLE users;
>> contract rename
RENAME TABLE users TO people; CREATE ALGORITHM=TEMPTABLE VIEW users AS SELECT * FROM people;
>> contract change-type
<< CREATE TABLE users (n int(10) unsigned);
ALTER TABLE users MODIFY n int(10);
>> unknown modify-column
<< CREATE TABLE users (n int DEFAULT 5);
ALTER TABLE users MODIFY n int;
>> unknown modify-column
<< CREATE TABLE users (n timestamp DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);
ALTER TABLE users MODIFY n timestamp DEFAULT CURRENT_TIMESTAMP;
>> unknown modify-column
<< CREATE TABLE users (n int GENERATED ALWAYS AS (age + 1) STORED);
ALTER TABLE users MODIFY n int;
>> unknown modify-column
<< CREATE TABLE users (name varchar(20) COLLATE utf8mb4_bin);
ALTER TABLE users CHANGE name name varchar(20);
>> unknown modify-column
<< CREATE TABLE users (name varchar(20) CHARACTER SET utf8mb4);
ALTER TABLE users MODIFY name varchar(20) CHARACTER SET latin1;
>> needs-readers-first widen-number
<< CREATE TABLE box (n int unsigned NOT NULL);
ALTER TABLE box MODIFY n bigint unsigned NOT NULL;
>> contract change-type
<< CREATE TABLE box (n int NOT NULL);
ALTER TABLE box MODIFY n int unsigned NOT NULL;
>> contract change-type
<< CREATE TABLE box (body mediumtext);
ALTER TABLE box MODIFY body text;
>> contract change-type
<< CREATE TABLE box (kind set('a', 'b'));
ALTER TABLE box MODIFY kind set('a');
>> additive new-object
ALTER TABLE box ADD COLUMN n int DEFAULT 1 NOT NULL; ALTER TABLE box ALTER COLUMN n DROP DEFAULT; ALTER TABLE box ALTER COLUMN n SET DEFAULT 2;
>> needs-writers-first drop-default
ALTER TABLE box ADD COLUMN n int DEFAULT 1 NOT NULL; ALTER TABLE box ALTER COLUMN n DROP DEFAULT;
>> additive new-object
CREATE TEMPORARY TABLE box (id int); DROP TEMPORARY TABLE box;
>> additive no-change
ALTER TABLE box COMMENT = 'x'; ALTER TABLE box ROW_FORMAT=DYNAMIC; ALTER TABLE box DISABLE KEYS;
>> additive add-column
ALTER TABLE box ADD COLUMN IF NOT EXISTS z int;
>> needs-readers-first lengthen-text
<< CREATE TABLE box (name varchar(9) NOT NULL); ALTER TABLE box ADD INDEX k (name); ALTER TABLE box COMMENT = 'x';
ALTER TABLE box CHANGE name name varchar(20) NOT NULL;
>> contract rename
ALTER TABLE box RENAME crate;
>> contract drop-unique-index
<< CREATE TABLE box (a int); ALTER TABLE box ADD UNIQUE KEY a_key (a);
ALTER TABLE box DROP KEY a_key;
>> additive drop-index
<< CREATE TABLE box (a int, KEY k (a)); CREATE TABLE crate (b int, UNIQUE KEY k (b));
ALTER TABLE box DROP INDEX k;
>> data write-data
UPDATE box SET name = UUID_SHORT() WHERE 1;
>> data write-on-write
<< CREATE TABLE box (id int PRIMARY KEY, n int); CREATE TABLE log (box_id int);
CREATE TRIGGER told AFTER INSERT ON box FOR EACH ROW INSERT INTO log (box_id) VALUES (NEW.id);
>> unknown change-trigger
<< CREATE TABLE box (id int PRIMARY KEY, n int);
CREATE TRIGGER told AFTER INSERT ON box FOR EACH ROW INSERT INTO log (box_id) VALUES (NEW.id);
>> needs-writers-first refuse-on-write
<< CREATE TABLE box (id int PRIMARY KEY, n int);
DELIMITER //
CREATE TRIGGER low BEFORE INSERT ON box FOR EACH ROW BEGIN DECLARE least int; IF NEW.n < 0 THEN SIGNAL SQLSTATE '45000'; END IF; END//
DELIMITER ;
>> contract drop-trigger
<< CREATE TABLE box (id int PRIMARY KEY, n int); CREATE TRIGGER touch BEFORE INSERT ON box FOR EACH ROW SET NEW.n = 1;
DROP TRIGGER touch;
>> unknown drop-unseen-index
<< CREATE TABLE a (n int, KEY k (n)); CREATE TABLE b (n int);
DROP INDEX k ON a; DROP INDEX k ON b;
