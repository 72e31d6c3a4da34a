DROP INDEX todos_by_completion;
