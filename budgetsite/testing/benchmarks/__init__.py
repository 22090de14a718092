"""What the site costs, as ratios to plain SQL that does the same work in the same run (`make bench`).

`measure` and `report` are arithmetic and words; `plain_sql` is the work done by hand; `scenery` makes the rows;
`clients` and `site` are the processes that ask; the other modules each measure one subject.
"""
