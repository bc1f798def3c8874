"""Work that outgrows one machine, on Spark: its session, splits of objects, pieces of results, jobs and their script.

What runs here calls the same rules as one machine does, and reaches S3 by the same door (`pipeline_assets.storage`).
No function imports it; pyspark is imported where it is used, since it is installed only where Spark is.
"""
