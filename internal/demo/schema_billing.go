package demo

// billing is the database of the accountants: numbers without gaps, rows that are computed, rules about who sees what.
func billing() content {
	return content{"billing", []part{
		{"schema", `CREATE SCHEMA billing AUTHORIZATION billing_owner; SET LOCAL ROLE billing_owner;
			SET LOCAL search_path = billing;` + billingTypes},
		{"invoices", billingInvoices},
		{"postings", billingPostings + `RESET ROLE;` + grantSQL("billing")},
	}}
}

// Generated columns came with 12.
const billingTypes = `
CREATE TYPE currency AS ENUM ('EUR', 'USD', 'JPY');
CREATE DOMAIN amount AS numeric(14, 4) NOT NULL;
CREATE SEQUENCE invoice_number START WITH 100000 CACHE 10;
CREATE TABLE invoice (
	number bigint PRIMARY KEY DEFAULT nextval('invoice_number'), customer integer NOT NULL, issued date NOT NULL,
	net amount, rate numeric(4, 3) NOT NULL DEFAULT 0.19, currency currency NOT NULL DEFAULT 'EUR',
	paid interval, EXCLUDE USING btree (number WITH =));
ALTER SEQUENCE invoice_number OWNED BY invoice.number;
DO $$ BEGIN
	IF current_setting('server_version_num')::integer >= 120000 THEN
		ALTER TABLE billing.invoice ADD gross numeric GENERATED ALWAYS AS (round(net * (1 + rate), 2)) STORED;
	END IF;
END $$;`

const billingInvoices = `
INSERT INTO invoice (customer, issued, net, currency, paid)
SELECT 1 + i % 20000, date '2023-01-01' + i % 1000, (i * 7919) % 1000000 / 100.0, (enum_range(NULL::currency))[1 + i % 3],
	CASE WHEN i % 5 > 0 THEN i % 30 * interval '1 day 2 hours' END
FROM generate_series(1, $rows(15000)) i;
CREATE STATISTICS invoice_currency (dependencies) ON customer, currency FROM invoice;
CREATE INDEX ON invoice USING brin (issued);
CREATE INDEX ON invoice (customer) INCLUDE (net);
ALTER TABLE invoice ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything_to_the_app ON invoice TO app USING (true);
CREATE POLICY euros_to_reports ON invoice FOR SELECT TO reporting USING (currency = 'EUR');
CREATE RULE invoices_stay AS ON DELETE TO invoice WHERE OLD.paid IS NOT NULL DO INSTEAD NOTHING;`

const billingPostings = `
CREATE TABLE account (code text PRIMARY KEY, title text NOT NULL);
INSERT INTO account SELECT lpad(i::text, 4, '0'), 'Account ' || i FROM generate_series(1, 200) i;
CREATE TABLE posting (
	year smallint NOT NULL, number integer GENERATED ALWAYS AS IDENTITY, debit text NOT NULL, credit text NOT NULL,
	amount amount, at timestamp NOT NULL, PRIMARY KEY (year, number)) PARTITION BY LIST (year);
CREATE TABLE posting_2023 (year smallint NOT NULL, number integer NOT NULL, debit text NOT NULL, credit text NOT NULL,
	amount amount, at timestamp NOT NULL, PRIMARY KEY (year, number));
CREATE TABLE posting_2024 (LIKE posting_2023 INCLUDING ALL);
INSERT INTO posting_2023 SELECT 2023, i, lpad((1 + i % 200)::text, 4, '0'), lpad((1 + i % 199)::text, 4, '0'), i / 100.0,
	timestamp '2023-01-01' + i * interval '1 minute' FROM generate_series(1, $rows(10000)) i;
INSERT INTO posting_2024 SELECT 2024, $rows(10000) + i, lpad((1 + i % 200)::text, 4, '0'), lpad((1 + i % 199)::text, 4, '0'), i / 100.0,
	timestamp '2024-01-01' + i * interval '1 minute' FROM generate_series(1, $rows(10000)) i;
ALTER TABLE posting ATTACH PARTITION posting_2023 FOR VALUES IN (2023);
ALTER TABLE posting ATTACH PARTITION posting_2024 FOR VALUES IN (2024);
ALTER TABLE posting ADD FOREIGN KEY (debit) REFERENCES account, ADD FOREIGN KEY (credit) REFERENCES account;
SELECT setval(pg_get_serial_sequence('posting', 'number'), $rows(20000));
CREATE FUNCTION balance(code text) RETURNS numeric LANGUAGE sql STABLE SET search_path = billing, pg_catalog AS
	'SELECT coalesce(sum(CASE WHEN debit = $1 THEN amount ELSE -amount END), 0) FROM posting WHERE $1 IN (debit, credit)';
CREATE AGGREGATE product(double precision) (SFUNC = float8mul, STYPE = double precision, INITCOND = '1');
CREATE VIEW open_invoices WITH (security_barrier) AS SELECT number, customer, net FROM invoice WHERE paid IS NULL WITH CHECK OPTION;`
